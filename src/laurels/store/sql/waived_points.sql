-- Differences that were waived.
SELECT c.program, c.correction, m.differences
FROM corrections c JOIN correction_members m USING (correction)
WHERE c.state = 'waived'
