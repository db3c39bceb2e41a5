-- What is known of a person.
SELECT attributes, identities FROM people WHERE member = %(member)s
