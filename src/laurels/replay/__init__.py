"""The replay room: files in, events through the engine, postings and summaries out.

    readers    rows out of CSV, JSON lines and Parquet
    mapping    the mapping file; its parts: document, fields
    events     rows become raw events; returns find their purchases (matching, returns)
    raw        raw events, their places, and the report of what became of every row
    writers    postings.parquet, members.parquet, summary.json, rejected.csv, unmatched.csv

A row that is wrong never stops the run: it is counted and listed with its reason. A file that
cannot be read does.
"""
