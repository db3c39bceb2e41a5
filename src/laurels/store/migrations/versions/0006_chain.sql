-- Links cover the whole row of an event, not only what was sent: see service/chain.py.
DO $$
DECLARE
    e record;
    owner bigint;
    link bytea;
    said text;
BEGIN
    FOR e IN
        SELECT v.*, p.body AS apart FROM events v LEFT JOIN personal p USING (member, sequence)
        ORDER BY v.member, v.sequence
    LOOP
        IF owner IS DISTINCT FROM e.member THEN
            UPDATE members SET chain = link WHERE member = owner;
            owner := e.member;
            link := '';
        END IF;
        said := e.body;
        IF e.type = 'member' AND starts_with(e.apart, '{"erased":') THEN
            said := 'sha256:' || (e.apart::json ->> 'erased');
            UPDATE personal SET body = '{"erased":"' || said || '"}'
            WHERE member = e.member AND sequence = e.sequence;
        ELSIF e.type = 'member' AND e.apart IS NOT NULL THEN
            said := 'sha256:' || encode(sha256(convert_to(e.apart, 'UTF8')), 'hex');
        END IF;
        said := concat_ws(E'\x1f', e.source, e.id, e.type, e.status, e.occurred_at, e.recorded_at,
            e.epoch, e.actor, said) || E'\x1f';
        link := sha256(link || convert_to(said, 'UTF8') || coalesce(e.kept, '')
            || coalesce(e.answer, ''));
        UPDATE events SET chain = link WHERE member = e.member AND sequence = e.sequence;
    END LOOP;
    UPDATE members SET chain = link WHERE member = owner;
END
$$
