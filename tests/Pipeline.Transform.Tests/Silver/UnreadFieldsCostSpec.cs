using Apache.Arrow;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>What a run pays for looking at the members that no column reads.</summary>
public sealed class UnreadFieldsCostSpec
{
    /// <summary>Of the processor's time that typing and checking the rows of a run takes.</summary>
    private const double ShareMax = 0.5;

    [Fact]
    public void The_look_costs_a_small_part_of_what_a_run_does_with_its_records_and_the_same_of_many_as_of_few()
    {
        var contract = TestGraph.Of($"events {{ from = bronze/app/events, format = json, key = [id], columns {{ id {{ type = long }}, {string.Join(", ", Enumerable.Range(0, 8).Select(i => $"f{i} {{ type = string }}"))} }} }}").Silver[0];
        var schema = new Schema(TestLake.BronzeColumns("value string"), null);
        var look = UnreadFieldsSql.Of(contract, SilverSql.BronzeFields(schema), BronzeShape.Of(schema).Document, SqlDialect.DuckDb)!;
        var typed = new SilverSql(contract, schema, SqlDialect.DuckDb).Checked;
        using var session = DuckDbSession.Open(new DuckDbSettings(512L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);
        session.Execute($"CREATE TABLE held AS {SqlDialect.DuckDb.Empty(SilverTables.QuarantineColumns(contract))}");
        Fill(session, 40_000);
        var share = LinearCost.Share(() => Make(session, look), () => Make(session, typed), ShareMax);
        Assert.Equal(12, session.Count($"SELECT count(*) FROM ({look}) AS found"));
        Assert.True(share <= ShareMax, $"the look takes {share:0.000} of what typing 40,000 records does");

        // Ten times the records, and no more than some blocks of them read.
        Fill(session, 4_000);
        var few = session.Count($"SELECT CAST(sum(records) AS BIGINT) FROM ({look}) AS found");
        Fill(session, 40_000);
        Assert.Equal(few, session.Count($"SELECT CAST(sum(records) AS BIGINT) FROM ({look}) AS found"));
    }

    private static void Make(DuckDbSession session, string query) => session.Execute($"CREATE OR REPLACE TEMP TABLE made AS {query}");

    /// <summary>Records of 21 members, about 600 bytes each.</summary>
    private static void Fill(DuckDbSession session, int records)
    {
        var members = string.Join(" || ", Enumerable.Range(0, 20).Select(i => $"',\"f{i}\":\"value of the member {i} in record ' || i || '\"'"));
        session.Execute($"CREATE OR REPLACE TABLE bronze AS SELECT '{{\"id\":' || i || {members} || '}}' AS value, 'c' AS _op, CAST(i AS BIGINT) AS _position, now() AS _ingested_at, 'f' AS _file, CAST(i AS BIGINT) AS _file_row FROM range({records}) AS r(i)");
    }
}
