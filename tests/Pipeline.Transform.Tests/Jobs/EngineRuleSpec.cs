using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>Which engine executes a run.</summary>
public sealed class EngineRuleSpec
{
    private const long Limit = 20_000_000_000;

    private static readonly TransformOptions Nothing = new();
    private static readonly TransformOptions Both = new() { SparkEngines = [EngineKind.Emr, EngineKind.EmrServerless] };

    [Theory]
    [InlineData(0, EngineKind.Duckdb, "auto: 0 B to be read, less than 20 GB")]
    [InlineData(1_000_000, EngineKind.Duckdb, "auto: 1 MB to be read, less than 20 GB")]
    [InlineData(1_000_000_000, EngineKind.Duckdb, "auto: 1 GB to be read, less than 20 GB")]
    [InlineData(1_000_000_000_000, EngineKind.Emr, "auto: 1 TB to be read, from 20 GB on Spark is worth its start")]
    [InlineData(1_234_567, EngineKind.Duckdb, "auto: 1.2 MB to be read, less than 20 GB")]
    [InlineData(Limit - 1, EngineKind.Duckdb, "auto: 20 GB to be read, less than 20 GB")]
    [InlineData(Limit, EngineKind.Emr, "auto: 20 GB to be read, from 20 GB on Spark is worth its start")]
    [InlineData(long.MaxValue, EngineKind.Emr, "auto: 9223372 TB to be read, from 20 GB on Spark is worth its start")]
    public void Auto_takes_small_runs_in_process_and_large_ones_to_Spark(long bytes, EngineKind engine, string why) =>
        Assert.Equal(new EngineChoice(engine, why), EngineRule.Choose(null, bytes, Both));

    [Fact]
    public void The_limit_is_a_setting() => Assert.Equal(EngineKind.Emr, EngineRule.Choose(null, 5, Both with { EngineAutoBytes = 5 }).Engine);

    [Fact]
    public void The_first_engine_for_Spark_that_is_set_up_is_taken() =>
        Assert.Equal(EngineKind.EmrServerless, EngineRule.Choose(null, Limit, Nothing with { SparkEngines = [EngineKind.EmrServerless] }).Engine);

    [Theory]
    [InlineData(null)]
    [InlineData(EngineKind.Auto)]
    public void Without_an_engine_for_Spark_auto_is_in_process_and_nobody_has_to_be_told_why(EngineKind? ofTable)
    {
        Assert.Equal(new EngineChoice(EngineKind.Duckdb, null), EngineRule.Choose(ofTable, long.MaxValue, Nothing));
        Assert.False(EngineRule.Weighs(ofTable, Nothing));
        Assert.False(EngineRule.MayBeSpark(ofTable, Nothing));
    }

    [Fact]
    public void Where_there_is_no_other_engine_nobody_has_to_be_told_why_it_is_DuckDB()
    {
        Assert.Equal(new EngineChoice(EngineKind.Duckdb, null), EngineRule.Choose(EngineKind.Duckdb, 0, Nothing));
        Assert.Equal(new EngineChoice(EngineKind.Emr, "configured for this table"), EngineRule.Choose(EngineKind.Emr, 0, Nothing));
    }

    [Fact]
    public void A_table_has_the_last_word()
    {
        var spark = Both with { Engine = EngineKind.Emr };

        Assert.Equal(new EngineChoice(EngineKind.Emr, "configured for all tables"), EngineRule.Choose(null, 0, spark));
        Assert.Equal(new EngineChoice(EngineKind.EmrServerless, "configured for this table"), EngineRule.Choose(EngineKind.EmrServerless, 0, spark));
        Assert.Equal(new EngineChoice(EngineKind.Duckdb, "configured for this table"), EngineRule.Choose(EngineKind.Duckdb, long.MaxValue, spark));
        Assert.Equal(EngineKind.Duckdb, EngineRule.Choose(EngineKind.Auto, 0, spark).Engine);
    }

    [Fact]
    public void What_may_be_Spark_is_known_beforehand()
    {
        Assert.True(EngineRule.MayBeSpark(null, Both));
        Assert.True(EngineRule.MayBeSpark(EngineKind.Emr, Both with { Engine = EngineKind.Duckdb }));
        Assert.False(EngineRule.MayBeSpark(EngineKind.Duckdb, Both));
        Assert.False(EngineRule.Weighs(EngineKind.Emr, Both));
    }

    [Fact]
    public void A_table_that_masks_is_never_Sparks_and_is_named_where_it_would_be()
    {
        var graph = TestGraph.Of("""
            masked { from = bronze/app/masked, columns { id { type = long }, email { type = string, mask = hash } }, key = [id] }
            here { from = bronze/app/masked, engine = duckdb, columns { id { type = long }, email { type = string, mask = hash } }, key = [id] }
            plain { from = bronze/app/plain, columns { id { type = long } }, key = [id] }
            """, "heads { sql = \"heads.sql\" }", ("heads.sql", "SELECT COUNT(*) AS heads FROM silver.plain"));
        IEnumerable<bool> Of(TransformOptions options) => graph.Tables.Select(table => EngineRule.MayBeSpark(graph, table, options));

        Assert.Equal([false, false, true, true], Of(Both));
        Assert.Equal([false, false, false, false], Of(Nothing));
        Assert.Equal([TableId.Silver("masked")], EngineRule.KeptByMasks(graph, Both));
        Assert.Empty(EngineRule.KeptByMasks(graph, Nothing));
    }
}
