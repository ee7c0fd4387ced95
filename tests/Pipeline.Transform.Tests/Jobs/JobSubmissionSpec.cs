using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>A job whose node is gone: its execution is looked for before another one begins.</summary>
public sealed class JobSubmissionSpec : IDisposable
{
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string");

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long }, email { type = string, required = true } }, key = [user_id] }"));

    private readonly Cluster _cluster;

    public JobSubmissionSpec() => _cluster = new Cluster(_lake.Engine);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task An_execution_that_goes_on_is_waited_for_and_no_other_begins()
    {
        var (spec, handle) = await SubmittedAsync();
        var told = new List<JobHandle>();

        await Runner.RunAsync(spec, new JobSubmission(handle, told.Add), Cancel);

        Assert.Equal((1, handle), (_cluster.Submitted, Assert.Single(told)));
        await HasRunAsync();
    }

    [Fact]
    public async Task An_execution_that_nobody_knows_any_more_is_begun_again()
    {
        var (spec, handle) = await SubmittedAsync();
        var told = new List<JobHandle>();

        await Runner.RunAsync(spec, new JobSubmission(handle with { Id = "gone" }, told.Add), Cancel);

        Assert.Equal((2, 2), (_cluster.Submitted, told.Count));
        Assert.NotEqual(handle, told[^1]);
        await HasRunAsync();
    }

    [Fact]
    public async Task An_execution_of_another_engine_is_not_asked_for()
    {
        var (spec, handle) = await SubmittedAsync();

        await Runner.RunAsync(spec, new JobSubmission(handle with { Engine = "another" }, _ => { }), Cancel);

        Assert.Equal(2, _cluster.Submitted);
        await HasRunAsync();
    }

    [Fact]
    public async Task An_answer_of_which_something_is_gone_is_computed_again()
    {
        var (spec, handle) = await SubmittedAsync();
        // Cut off after its answer was looked at: what says which rows are replaced is gone then.
        var cutOff = Runner;
        cutOff.BeforeCommit = _ => throw new IOException("killed");
        await Assert.ThrowsAsync<IOException>(() => cutOff.RunAsync(spec, new JobSubmission(handle, _ => { }), Cancel));

        await Runner.RunAsync(spec, new JobSubmission(handle, _ => { }), Cancel);

        Assert.Equal(2, _cluster.Submitted);
        await HasRunAsync();
    }

    private JobRunner Runner => new(_lake.Tables, _cluster, _lake.Options, _lake.Time);

    /// <summary>The second run of a table that replaces a row, submitted by a node that is gone.</summary>
    private async Task<(JobSpec Spec, JobHandle Handle)> SubmittedAsync()
    {
        await _lake.AppendAsync("bronze/app/users", Columns, "SELECT 1 AS user_id, 'a@x' AS email, 'r' AS _op, 1 AS _position");
        await _lake.RunAllAsync();
        await _lake.AppendAsync("bronze/app/users", Columns, "SELECT 1 AS user_id, 'b@x' AS email, 'r' AS _op, 2 AS _position");
        var spec = await _lake.Planner.ExpandAsync((await _lake.Planner.PlanAsync(TableId.Silver("users"), Cancel))!, SqlDialect.DuckDb, Cancel);
        JobHandle? handle = null;
        await Assert.ThrowsAsync<IOException>(() => Runner.RunAsync(spec, new JobSubmission(null, submitted =>
        {
            handle = submitted;
            throw new IOException("killed");
        }), Cancel));
        return (spec, handle!);
    }

    private async Task HasRunAsync()
    {
        Assert.Equal(["1|b@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users"));
        Assert.Equal(["2"], await _lake.RowsAsync("SELECT count(*) FROM silver._quality"));
    }

    /// <summary>Executions outlive whoever has submitted them, and their answers can be asked for again.</summary>
    private sealed class Cluster(IJobEngine inner) : IJobEngine
    {
        private readonly Dictionary<string, JobState> _ended = new(StringComparer.Ordinal);

        public int Submitted { get; private set; }

        public string Name => "cluster";

        public SqlDialect Dialect => inner.Dialect;

        public async ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
        {
            Submitted++;
            return await inner.SubmitAsync(document, execution, cancellationToken) with { Engine = Name };
        }

        public async ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
        {
            if (_ended.TryGetValue(handle.Id, out var ended)) return ended;
            var state = await inner.ObserveAsync(handle, cancellationToken);
            if (state is JobState.Answered) _ended[handle.Id] = state;
            return state;
        }

        public ValueTask CancelAsync(JobHandle handle) => inner.CancelAsync(handle);
    }
}
