using DuckDB.NET.Data;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>
/// Finds out how conditions end on each row when some fail: halves of the rows are tried until those that fail stand alone.
/// </summary>
internal static class RowJudge
{
    private const int IsFalse = 0;
    private const int Passes = 1;
    private const int Failed = 2;

    public static void Find(DuckDbSession session, JudgeStep step)
    {
        session.Execute($"CREATE TEMP TABLE _judged AS {step.Rows}");
        var rows = session.Count("SELECT count(*) FROM _judged");
        for (var i = 0; i < step.Checks.Length; i++)
        {
            session.Execute($"CREATE TEMP TABLE _outcome_{i} (_n BIGINT, {RulesApart.Outcome(i)} INTEGER)");
            Judge(session, step.Checks[i], i, 1, rows);
        }

        var all = Enumerable.Range(0, step.Checks.Length).ToList();
        session.Execute($"""
            CREATE TEMP TABLE {Sql.Name(step.Name)} AS SELECT {Sql.Names(step.Columns)}{string.Concat(all.Select(i => $", {RulesApart.Outcome(i)}"))}
            FROM _judged{string.Concat(all.Select(i => $" JOIN _outcome_{i} USING (_n)"))}
            """);
    }

    private static void Judge(DuckDbSession session, string check, int rule, long first, long last)
    {
        if (first > last) return;
        try
        {
            session.Execute($"INSERT INTO _outcome_{rule} SELECT _n, CASE WHEN ({check}) THEN {Passes} WHEN NOT ({check}) THEN {IsFalse} ELSE {Passes} END FROM _judged WHERE _n BETWEEN {first} AND {last}");
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e))
        {
            if (first == last)
            {
                session.Execute($"INSERT INTO _outcome_{rule} VALUES ({first}, {Failed})");
                return;
            }

            var middle = first + (last - first) / 2;
            Judge(session, check, rule, first, middle);
            Judge(session, check, rule, middle + 1, last);
        }
    }
}
