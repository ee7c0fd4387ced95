using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Sending;

public sealed class MetricSinkActorSpec : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly SinkScene _scene = new();
    private readonly Measurements _measured;

    public MetricSinkActorSpec() => _measured = new Measurements("sink", _scene.Sink.Name);

    public async ValueTask DisposeAsync()
    {
        _measured.Dispose();
        await _scene.DisposeAsync();
    }

    [Fact]
    public async Task Intervals_end_with_the_clocks_minutes_and_are_sent_in_their_order()
    {
        _scene.Time.Advance(TimeSpan.FromSeconds(20));
        _scene.Start();

        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count == 3);

        var start = new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
        Assert.Equal([start.AddMinutes(1), start.AddMinutes(2), start.AddMinutes(3)], _scene.Sink.Taken.Select(interval => interval.To));
        Assert.Equal([start.AddSeconds(20), start.AddMinutes(1), start.AddMinutes(2)], _scene.Sink.Taken.Select(interval => interval.From));
        Assert.Equal((3, 0, 0), (_measured.Sum(Instruments.TelemetrySent), _measured.Sum(Instruments.TelemetryDropped), _measured.Sum(Instruments.TelemetryFailures)));
        await _scene.PassUntilAsync(() => _scene.SpoolBytes == 0);
        Assert.Empty(_scene.Said);
        Assert.Empty(_scene.Log);
    }

    [Fact]
    public async Task An_hour_away_is_survived_with_what_fits_in_order_and_the_rest_counted_and_said_once()
    {
        _scene.Start();
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count == 1);
        var one = await FileBytesAsync();
        _scene.Options = _scene.Options with { SpoolBytesMax = (one * 40) + (one / 2) };
        await _scene.StopAsync();
        _scene.Start();
        var (taken, failures) = (_scene.Sink.Taken.Count, _scene.Sink.Attempts);
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Unreachable);
        var mostBytes = 0L;
        for (var minute = 0; minute < 60; minute++)
        {
            await _scene.PassAsync(Minute);
            mostBytes = Math.Max(mostBytes, _scene.SpoolBytes);
        }

        // From a second to a minute between attempts: no more than one a minute and the first few.
        Assert.InRange(_scene.Sink.Attempts - failures, 60, 140);
        Assert.InRange(mostBytes, one * 35, _scene.Options.SpoolBytesMax + one);
        Assert.Equal(mostBytes, Math.Max(mostBytes, (long)_measured.Observe(Instruments.TelemetrySpoolBytes)!));
        var dropped = (int)_measured.Sum(Instruments.TelemetryDropped);
        Assert.InRange(dropped, 15, 25);
        Assert.Contains(_scene.Said, notice => notice.Stage == OutageStage.Away);
        Assert.Single(_scene.Log, line => line.Contains("are given up, the oldest first: too many wait", StringComparison.Ordinal));

        _scene.Sink.Answer = _ => null;
        await _scene.PassUntilAsync(() => _scene.SpoolBytes == 0);

        var delivered = _scene.Sink.Taken.Skip(taken).Select(interval => interval.To).ToList();
        Assert.Equal(delivered.Order(), delivered);
        Assert.InRange(delivered.Count, 60 - dropped, 60 - dropped + 3);
        Assert.All(delivered.Zip(delivered.Skip(1)).Skip(1), pair => Assert.Equal(Minute, pair.Second - pair.First));
        Assert.Equal(OutageStage.Returned, _scene.Said.Last().Stage);
        Assert.Single(_scene.Log, line => line.Contains($"{dropped} intervals of metrics were given up", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_not_sent_is_sent_by_the_process_that_follows_before_its_own()
    {
        _scene.Start();
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Unreachable);
        await _scene.PassAsync(3 * Minute);
        await _scene.FlushAsync();
        await _scene.StopAsync();

        _scene.Sink.Answer = _ => null;
        _scene.Start();
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count >= 5);

        var delivered = _scene.Sink.Taken.Select(interval => interval.To).ToList();
        Assert.Equal(delivered.Order(), delivered);
        Assert.Equal(2, _scene.Sink.Taken.Select(interval => interval.Started).Distinct().Count());
    }

    [Fact]
    public async Task Who_refuses_is_said_once_asked_seldom_and_goes_on_by_itself_when_mended()
    {
        _scene.Start();
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.NotAuthorised, "the key is not known");
        await _scene.PassAsync(30 * Minute);
        var attempts = _scene.Sink.Attempts;
        _scene.Sink.Answer = _ => null;
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count >= 30);

        Assert.InRange(attempts, 6, 16);
        Assert.Equal(2, _scene.Log.Count());
        Assert.Contains("the key is not known", _scene.Log.First(), StringComparison.Ordinal);
        Assert.Contains("takes metrics again", _scene.Log.Last(), StringComparison.Ordinal);
        Assert.Equal(0, _measured.Sum(Instruments.TelemetryDropped));
        Assert.Equal(attempts, _measured.Sum(Instruments.TelemetryFailures));
        Assert.Empty(_scene.Said);
    }

    [Theory]
    [InlineData(FaultKind.Invalid)]
    [InlineData(FaultKind.Defect)]
    public async Task What_is_refused_for_what_is_in_it_holds_nothing_up(FaultKind kind)
    {
        var poison = new DateTimeOffset(2026, 3, 1, 10, 2, 0, TimeSpan.Zero);
        _scene.Start();
        _scene.Sink.Answer = interval => interval.To != poison ? null : kind == FaultKind.Defect ? new InvalidOperationException("a bug") : ScriptedSink.Fault(kind);

        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count == 3);

        Assert.DoesNotContain(_scene.Sink.Taken, interval => interval.To == poison);
        Assert.Equal((1, 1), (_measured.Sum(Instruments.TelemetryDropped), _measured.Sum(Instruments.TelemetryFailures)));
    }

    [Fact]
    public async Task A_refusal_that_lasts_is_said_once_and_not_every_minute()
    {
        _scene.Start();
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Invalid, "no such namespace");
        await _scene.PassAsync(20 * Minute);

        Assert.InRange(_measured.Sum(Instruments.TelemetryDropped), 19, 20);
        Assert.Single(_scene.Log, line => line.Contains("Mend it.", StringComparison.Ordinal));
        Assert.Equal(2, _scene.Log.Count());
    }

    [Fact]
    public async Task What_is_too_old_for_the_receiver_is_given_up_unsent_and_counted()
    {
        _scene.Sink.AgeMax = TimeSpan.FromMinutes(10);
        _scene.Start();
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Unreachable);
        await _scene.PassAsync(30 * Minute);
        _scene.Sink.Answer = _ => null;
        await _scene.PassUntilAsync(() => _scene.SpoolBytes == 0);

        Assert.InRange(_scene.Sink.Taken.Count, 9, 12);
        // The attempt that is under way may end late; what waits behind it has been looked at anew.
        Assert.All(_scene.Sink.Taken, interval => Assert.InRange(interval.To, _scene.Time.Start.AddMinutes(19), DateTimeOffset.MaxValue));
        Assert.InRange(_measured.Sum(Instruments.TelemetryDropped), 18, 21);
    }

    [Fact]
    public async Task A_receiver_that_does_not_answer_holds_up_nobody_else()
    {
        var holding = new TaskCompletionSource();
        _scene.Sink.Holding = holding.Task;
        _scene.Start();

        await _scene.PassAsync(10 * Minute);

        Assert.Equal(1, _scene.Sink.Attempts);
        _scene.Sink.Holding = null;
        holding.SetResult();
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count >= 10);
    }

    [Fact]
    public async Task How_long_the_receiver_asks_to_be_left_alone_is_kept_to()
    {
        _scene.Start();
        _scene.Sink.Answer = _ => new PipelineException(FaultKind.Unreachable, "Metrics", "too many", "Wait.") { RetryAfter = TimeSpan.FromSeconds(45) };
        await _scene.PassUntilAsync(() => _scene.Sink.Attempts == 4);

        Assert.All(_scene.Sink.AttemptedAt.Zip(_scene.Sink.AttemptedAt.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(61)));
    }

    [Fact]
    public async Task A_disk_that_takes_nothing_costs_at_most_what_does_not_fit_into_memory()
    {
        _scene.Start();
        Directory.Move(_scene.SpoolDirectory, _scene.SpoolDirectory + "-away");
        await File.WriteAllTextAsync(_scene.SpoolDirectory, "no folder", TestContext.Current.CancellationToken);
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count == 2);
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Unreachable);
        await _scene.PassAsync(10 * Minute);
        _scene.Sink.Answer = _ => null;
        await _scene.PassUntilAsync(() => _scene.Sink.Taken.Count >= 7);

        Assert.InRange(_measured.Sum(Instruments.TelemetryDropped), 3, 6);
        Assert.Single(_scene.Log, line => line.Contains("Spool of metrics", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_stops_sends_what_it_has_measured_since_the_last_interval()
    {
        _scene.Start();
        await _scene.PassAsync(TimeSpan.FromSeconds(25));

        await _scene.FlushAsync();

        Assert.Equal(_scene.Time.Start.AddSeconds(25), Assert.Single(_scene.Sink.Taken).To);
    }

    /// <summary>Of an interval, as it waits.</summary>
    private async Task<long> FileBytesAsync()
    {
        _scene.Sink.Answer = _ => ScriptedSink.Fault(FaultKind.Unreachable);
        await _scene.PassUntilAsync(() => _scene.SpoolBytes > 0);
        var bytes = _scene.SpoolBytes;
        _scene.Sink.Answer = _ => null;
        await _scene.PassUntilAsync(() => _scene.SpoolBytes == 0);
        return bytes;
    }
}
