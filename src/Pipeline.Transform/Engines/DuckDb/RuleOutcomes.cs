using DuckDB.NET.Data;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>
/// Finds out how each rule ends on each row when a rule fails on some: halves of the rows are tried until those that fail
/// stand alone.
/// </summary>
internal static class RuleOutcomes
{
    /// <summary>Makes <c>outcomes</c>: a row's place and the outcome of each rule.</summary>
    public static void Find(DuckDbSession session, RulesApart rules)
    {
        session.Execute($"CREATE TEMP TABLE judged AS {rules.Rows}");
        var rows = session.Count("SELECT count(*) FROM judged");
        for (var i = 0; i < rules.Checks.Length; i++)
        {
            session.Execute($"CREATE TEMP TABLE outcome_{i} (_n BIGINT, {RulesApart.Outcome(i)} TINYINT)");
            Judge(session, rules.Checks[i], i, 1, rows);
        }

        var all = Enumerable.Range(0, rules.Checks.Length).ToList();
        session.Execute($"""
            CREATE TEMP TABLE outcomes AS SELECT _file, _file_row{string.Concat(all.Select(i => $", {RulesApart.Outcome(i)}"))}
            FROM judged{string.Concat(all.Select(i => $" JOIN outcome_{i} USING (_n)"))}
            """);
    }

    private static void Judge(DuckDbSession session, string check, int rule, long first, long last)
    {
        if (first > last) return;
        try
        {
            session.Execute($"INSERT INTO outcome_{rule} SELECT _n, CASE WHEN ({check}) THEN {RulesApart.Passes} WHEN NOT ({check}) THEN {RulesApart.IsFalse} ELSE {RulesApart.Passes} END FROM judged WHERE _n BETWEEN {first} AND {last}");
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e))
        {
            if (first == last)
            {
                session.Execute($"INSERT INTO outcome_{rule} VALUES ({first}, {RulesApart.Failed})");
                return;
            }

            var middle = first + (last - first) / 2;
            Judge(session, check, rule, first, middle);
            Judge(session, check, rule, middle + 1, last);
        }
    }
}
