using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Tests.Driver;

public sealed class ReaderGateSpec
{
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedProgress _progress = new();

    private ReaderGate Gate => new(_progress, _time, patience: TimeSpan.FromSeconds(10));

    [Fact]
    public async Task Opens_at_once_for_rows_that_are_there()
    {
        _progress.Rows = 5;

        await Gate.WaitForRowsAsync(Users, 5, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Opens_when_the_rows_have_come()
    {
        var wait = Gate.WaitForRowsAsync(Users, 5, TestContext.Current.CancellationToken);
        Assert.False(wait.IsCompleted);

        _progress.Rows = 5;
        _time.Advance(TimeSpan.FromSeconds(1));

        await wait;
    }

    [Fact]
    public async Task Gives_up_on_a_pipeline_that_reads_nothing_and_says_so()
    {
        var wait = Gate.WaitForRowsAsync(Users, 5, TestContext.Current.CancellationToken);

        for (var second = 0; second < 12; second++) _time.Advance(TimeSpan.FromSeconds(1));

        var gaveUp = await Assert.ThrowsAsync<PipelineException>(() => wait);
        Assert.Contains("bronze/app/users", gaveUp.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Has_patience_with_a_pipeline_that_is_slow()
    {
        var wait = Gate.WaitForRowsAsync(Users, 30, TestContext.Current.CancellationToken);

        for (var second = 0; second < 30; second++)
        {
            _progress.Rows++;
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await wait;
    }

    [Fact]
    public async Task Waits_while_the_lake_is_away_and_opens_when_it_is_back()
    {
        _progress.IsAway = true;
        var wait = Gate.WaitForRowsAsync(Users, 5, TestContext.Current.CancellationToken);
        for (var second = 0; second < 5; second++) _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(wait.IsCompleted);

        (_progress.IsAway, _progress.Rows) = (false, 5);
        _time.Advance(TimeSpan.FromSeconds(1));

        await wait;
    }

    private sealed class ScriptedProgress : IReaderProgress
    {
        public long Rows { get; set; }

        public bool IsAway { get; set; }

        public ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) =>
            IsAway ? throw new PipelineException(FaultKind.Unreachable, "Lake", "it is away", "Wait.") : ValueTask.FromResult(Rows);

        public ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken) => ValueTask.FromResult<long?>(Rows);
    }
}
