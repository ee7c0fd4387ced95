using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Node.Composition;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What a node's log and its figures say of what is away and of what waits for long.</summary>
public sealed class NodeOutagesSpec : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();
    private readonly NodeOutages _outages;

    public NodeOutagesSpec() => _outages = new NodeOutages(_log, _time, _time);

    public void Dispose() => _outages.Dispose();

    [Fact]
    public void What_waits_for_a_minute_is_one_warning_with_thing_and_reason_a_figure_and_one_line_at_its_end()
    {
        using var figures = new Measurements();
        var others = figures.Observe(Instruments.Waits) ?? 0;
        var wait = _outages.Watch.Waits.Begin("Source app, table items", "its statement has not ended");
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Empty(_log.At(LogLevel.Warning));

        _time.Advance(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal("Source app, table items has waited for 1 min: its statement has not ended. It goes on waiting.", Assert.Single(_log.At(LogLevel.Warning)));
        Assert.Equal(1, figures.Observe(Instruments.Waits) - others);

        wait.Dispose();
        Assert.Equal("Source app, table items waits no more, after 11 min. It was: its statement has not ended.", Assert.Single(_log.At(LogLevel.Information)));
        Assert.Equal(others, figures.Observe(Instruments.Waits));
    }

    [Fact]
    public void The_end_of_an_outage_is_one_line_however_many_waited()
    {
        var waiters = Enumerable.Range(0, 7).Select(_ => _outages.Watch.Waiter()).ToList();
        foreach (var (waiter, i) in waiters.Select((waiter, i) => (waiter, i))) waiter.Failed(new Fault(FaultKind.Unreachable, $"Object {i}", "no answer", "Check the network.", Dependency: "Bucket b"));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("Bucket b has been away for 10 s. ", Assert.Single(_log.At(LogLevel.Warning)), StringComparison.Ordinal);

        foreach (var waiter in waiters) waiter.Answered();

        Assert.Equal(["Bucket b is back after 10 s."], _log.At(LogLevel.Information));
        Assert.Single(_log.At(LogLevel.Warning));
    }
}
