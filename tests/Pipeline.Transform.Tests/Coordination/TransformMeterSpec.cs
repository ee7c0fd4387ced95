using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>What is measured of Silver and Gold. Its tables have names of their own: other tests measure in this process.</summary>
public sealed class TransformMeterSpec : IDisposable
{
    private static readonly TableId Bronze = TableId.Bronze("app", "measured");
    private static readonly TableId Silver = TableId.Silver("measured");
    private static readonly TableId Gold = TableId.Gold("measured_totals");
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "country string");

    private readonly TestLake _lake = new(TestGraph.Of("""
        measured {
          from = bronze/app/measured, columns { user_id { type = long }, country { type = string, required = true } }, key = [user_id]
          rules = [ { name = small, check = "user_id < 100", severity = warn } ]
        }
        """, "measured_totals { sql = \"totals.sql\" }", ("totals.sql", "SELECT CAST(COUNT(*) AS BIGINT) AS users FROM silver.measured")));

    private readonly Measurements _figures = new();

    public void Dispose()
    {
        _figures.Dispose();
        _lake.Dispose();
    }

    [Fact]
    public async Task Runs_their_durations_and_their_quality_are_measured_from_the_source_to_gold()
    {
        var jobs = new JobRunner(_lake.Tables, _lake.Engine, _lake.Options with { NodeHourPrice = 1.8m, JobsMax = 2 }, _lake.Time)
        {
            BeforeCommit = table => _lake.Time.Advance(table == Silver ? TimeSpan.FromSeconds(4) : TimeSpan.Zero),
        };
        await using var node = await CoordinatorNode.StartAsync(_lake, jobs);
        await node.ObeyAsync(new PauseTable(Silver));
        Assert.Equal(2, (await UntilStateAsync(node, TableActivity.Paused)).State);

        // Heard before it can be found by looking: a log says nothing of events at the source.
        node.Publish(new BronzeCommitted(Bronze, 1, Rows: 4, NewestEventAt: _lake.Time.GetUtcNow() - TimeSpan.FromMinutes(1), _lake.Time.GetUtcNow()));
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).PendingRows == 4);
        Assert.Equal(1, await _lake.AppendAsync(Bronze.ToString(), Columns,
            "SELECT * FROM (VALUES (1, 'DE', 'r', 1), (2, NULL, 'r', 2), (300, 'FR', 'r', 3), (4, 'FR', 'r', 4)) AS v(user_id, country, _op, _position)"));
        await node.ObeyAsync(new ResumeTable(Silver));
        await node.UntilAsync(tables => tables.All(table => table is { Run: > 0, Activity: TableActivity.Current }));

        Assert.Equal((1, 0), (_figures.Sum(Instruments.TableRuns, "silver/measured", "succeeded"), _figures.Sum(Instruments.TableRuns, "silver/measured", "failed")));
        Assert.Equal(4, _figures.Sum(Instruments.RunDuration, "silver/measured"));
        Assert.Equal(1, _figures.Sum(Instruments.RunRate, "silver/measured"));
        // Four seconds of half a node, for four rows.
        Assert.Equal((0.001, 250), (Math.Round(_figures.Sum(Instruments.RunCost, "silver/measured", "duckdb"), 9), Math.Round(_figures.Sum(Instruments.RecordCost, "silver/measured"), 3)));
        Assert.Equal((64, 64), (_figures.Sum(Instruments.PipelineDuration, "silver/measured"), _figures.Sum(Instruments.PipelineDuration, "gold/measured_totals")));
        Assert.Equal((0.75, 0.75, 1), (_figures.Observe(Instruments.Quality, "silver/measured", "completeness"), _figures.Observe(Instruments.Quality, "silver/measured", "validity"),
            _figures.Observe(Instruments.Quality, "silver/measured", "timeliness")));
        Assert.Equal((1, 1), (_figures.Sum(Instruments.RuleFailures, "silver/measured", "required:country"), _figures.Sum(Instruments.RuleFailures, "silver/measured", "small")));
        Assert.Equal((1, 0), (_figures.Observe(Instruments.QuarantinedRows, "silver/measured"), _figures.Observe(Instruments.HeldRows, "silver/measured")));
        foreach (var table in new[] { Silver, TableId.Quarantine(Silver.Name), Gold })
        {
            var files = (await _lake.Lake.TryOpenAsync(table, TestContext.Current.CancellationToken))!.Current.Files.ToList();
            Assert.Equal((files.Sum(file => file.Size), files.Count), (_figures.Observe(Instruments.TransformedBytes, table.ToString(), table.LayerName), _figures.Observe(Instruments.TransformedFiles, table.ToString(), table.LayerName)));
        }

        Assert.Equal((0, 0), (_figures.Observe(Instruments.TransformedState, "silver/measured"), _figures.Observe(Instruments.JobState, "silver/measured")));
    }

    [Fact]
    public async Task A_failing_table_and_a_running_job_show_in_their_states()
    {
        await _lake.AppendAsync(Bronze.ToString(), Columns, "SELECT 1 AS user_id, 'DE' AS country, 'r' AS _op, 1 AS _position");
        var engine = new RecordingEngine(_lake.Jobs) { FailFor = Gold };
        await using var node = await CoordinatorNode.StartAsync(_lake, engine);

        Assert.Equal(4, (await UntilStateAsync(node, TableActivity.Stopped, Gold)).State);
        Assert.Equal((1, 1), (_figures.Sum(Instruments.TableRuns, "gold/measured_totals", "failed"), _figures.Sum(Instruments.TransformErrors, "gold/measured_totals", "invalid")));

        engine.EndlessFor = Silver;
        await _lake.AppendAsync(Bronze.ToString(), Columns, "SELECT 2 AS user_id, 'DE' AS country, 'r' AS _op, 2 AS _position");
        Assert.Equal((0, 2), await UntilStateAsync(node, TableActivity.Running));
    }

    [Fact]
    public async Task A_table_that_goes_on_after_a_fault_says_how_long_that_took()
    {
        await _lake.AppendAsync(Bronze.ToString(), Columns, "SELECT 1 AS user_id, 'DE' AS country, 'r' AS _op, 1 AS _position");
        var engine = new RecordingEngine(_lake.Jobs) { Away = new PipelineException(FaultKind.Unreachable, "Lake", "it does not answer", "Wait.") };
        await using var node = await CoordinatorNode.StartAsync(_lake, engine);
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).FailedAttempts == 1);

        engine.Away = null;
        _lake.Time.Advance(TimeSpan.FromSeconds(90));
        await node.UntilAsync(Silver, run: 1);

        Assert.Equal(90, _figures.Sum(Instruments.TransformRecovery, "silver/measured", "fault"));
        Assert.Equal(1, _figures.Sum(Instruments.TransformErrors, "silver/measured", "unreachable"));
    }

    /// <summary>What is measured of a table when it does this.</summary>
    private async Task<(double? State, double? Job)> UntilStateAsync(CoordinatorNode node, TableActivity activity, TableId? table = null)
    {
        table ??= Silver;
        await node.UntilAsync(tables => tables.Single(status => status.Table == table).Activity == activity);
        return (_figures.Observe(Instruments.TransformedState, table.ToString()), _figures.Observe(Instruments.JobState, table.ToString()));
    }
}
