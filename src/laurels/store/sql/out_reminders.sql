-- The places that reminders took, out in binary.
COPY (
    SELECT m.member, m.sequence FROM {reminders} m WHERE {wanted}
) TO STDOUT (FORMAT binary)
