using Microsoft.Extensions.Time.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Core;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Tests.Coordination;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>Silver and Gold by steps of an emulated cluster: the whole way of a run, from its plan to its commit.</summary>
public sealed class EmrLakeSpec : IDisposable
{
    private readonly TestLake _lake = new(TestGraph.Of("""
        users { from = bronze/app/users, columns { user_id { type = long }, country { type = string, required = true } }, key = [user_id] }
        """, "countries { sql = \"countries.sql\", materialization = merge, key = [country] }",
        ("countries.sql", "SELECT country, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY country")));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Tables_are_made_by_steps_and_hold_what_they_should()
    {
        await using var scene = new EmrScene(work => InterpretAsync(_lake, work), time: _lake.Time);
        await using var server = await EmrServer.StartAsync(scene.Service, port: 0, Cancel);
        var remote = new RemoteRuns("test", _lake.Lake, scene.Artifacts, [scene.EngineAt(server.Url)]);
        var runner = new JobRunner(_lake.Tables, _lake.Engine, _lake.Options, _lake.Time, remote);
        await AppendAsync("SELECT 1 AS user_id, 'AT' AS country, 'r' AS _op, 1 AS _position UNION ALL SELECT 2, NULL, 'r', 2");

        await using var node = await CoordinatorNode.StartAsync(_lake, runner, change: options => options with { Engine = EngineKind.Emr }, remote: remote);
        await scene.PumpAsync(node.UntilAsync(tables => tables.All(table => table is { Run: >= 1, Activity: TableActivity.Current })));
        await AppendAsync("SELECT 3 AS user_id, 'AT' AS country, 'r' AS _op, 3 AS _position");
        await scene.PumpAsync(node.UntilAsync(tables => tables.All(table => table is { Run: >= 2, Activity: TableActivity.Current })));

        Assert.Equal(["AT|2"], await _lake.RowsAsync("SELECT country, users FROM gold.countries"));
        Assert.Equal(["1"], await _lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine"));
        var id = await _lake.Lake.IdAsync(Cancel);
        var (_, _, info) = (await RunHistory.FindAsync((await _lake.Tables.TryOpenAsync(TableId.Silver("users"), Cancel))!, 2, Cancel))!.Value;
        Assert.Equal("not known: EMR bills the cluster", info.OperationMetrics!["cost"]);
        Assert.StartsWith($"{scene.Cluster}/s-", info.OperationMetrics["step"], StringComparison.Ordinal);
        var runs = scene.Submitted.Select(name => name[..name.LastIndexOf('/')]).ToList();
        Assert.Equal(runs.Distinct(), runs);
        Assert.All((string[])[$"test-{id}/gold/countries/1", $"test-{id}/silver/users/1", $"test-{id}/silver/users/2"], run => Assert.Contains(run, runs));
    }

    /// <summary>By an independent reader of AWS's wire.</summary>
    [Fact]
    public async Task What_is_asked_of_EMR_is_as_AWS_describes_it()
    {
        // Signatures are compared with the time that it is.
        await using var scene = new EmrScene(_ => new TaskCompletionSource<EmrOutcome>().Task, time: new FakeTimeProvider(TimeProvider.System.GetUtcNow()),
            changeEngine: options => options with { ExecutionRole = "arn:aws:iam::123456789012:role/jobs", PollInterval = TimeSpan.FromMilliseconds(100) });
        await using var server = await EmrServer.StartAsync(scene.Service, port: 0, Cancel);
        var (check, missing) = await AwsWireCheck.TryStartAsync(server.Url, Cancel);
        Assert.SkipWhen(check is null, missing);
        await using var disposed = check;
        var engine = scene.EngineAt(check.Url, TimeProvider.System);

        var submitted = await Task.WhenAll(Enumerable.Range(1, 3).Select(run => engine.SubmitAsync(EmrScene.Job(EmrScene.Name(run)), Cancel).AsTask()));
        await engine.FindAsync(EmrScene.Name(1), scene.Time.GetUtcNow(), Cancel);
        var handle = Assert.IsType<Submission.Accepted>(submitted[0]).Handle;
        await engine.CancelAsync(handle, Cancel);
        scene.Service.TerminateCluster(scene.Cluster);
        await engine.ObserveAsync(handle, Cancel);
        await Assert.ThrowsAsync<PipelineException>(async () => await engine.SubmitAsync(EmrScene.Job(EmrScene.Name(9)), Cancel));

        var verdicts = await check.EndAsync();
        Assert.All(verdicts, verdict => Assert.True(verdict.Request.Count == 0, verdict.ToString()));
        Assert.Equal(["AddJobFlowSteps", "CancelSteps", "DescribeCluster", "ListSteps"], verdicts.Select(verdict => verdict.Operation).Distinct().Order(StringComparer.Ordinal));
    }

    private Task AppendAsync(string rows) => _lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long", "country string"), rows);

    /// <summary>What the program does, by DuckDB.</summary>
    private static async Task<EmrOutcome> InterpretAsync(TestLake lake, EmrWork work)
    {
        var document = await File.ReadAllBytesAsync(work.Argument("--document")!, Cancel);
        if (JobDocument.Sha256Of(document) != work.Argument("--sha256")) return new EmrOutcome(2);
        var handle = await lake.Engine.SubmitAsync(document, work.Argument("--execution")!, work.Cancelled);
        JobState state;
        do state = await lake.Engine.ObserveAsync(handle, CancellationToken.None);
        while (state is JobState.Running);
        if (state is not JobState.Answered { Answer: var answer }) return new EmrOutcome(1);
        await File.WriteAllBytesAsync(work.Argument("--answer")!, answer.ToUtf8(), CancellationToken.None);
        return EmrOutcome.Done;
    }
}
