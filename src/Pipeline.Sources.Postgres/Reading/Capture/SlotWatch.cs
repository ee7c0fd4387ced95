using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Capture;

/// <summary>
/// Looks at a slot while it is read: publishes what it makes the server keep, warns before that is removed, and stops
/// when it was.
/// </summary>
internal sealed partial class SlotWatch(PostgresConnections connections, SplitId split, PostgresMetrics metrics, SourceServices services)
{
    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<SlotWatch>();
    private SlotAlarm _alarm;

    private string Thing => $"Source {_options.Name}, slot {_options.Capture.Slot}";

    /// <summary>Until cancelled.</summary>
    /// <exception cref="PipelineException">The slot is gone or lost.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_options.Capture.WalCheckInterval, services.Time);
        while (await timer.WaitForNextTickAsync(cancellationToken)) await TryLookAsync(cancellationToken);
    }

    /// <summary>One look; a server that cannot be asked is left to the reading, which finds the same.</summary>
    /// <exception cref="PipelineException">The slot is gone or lost.</exception>
    public async ValueTask TryLookAsync(CancellationToken cancellationToken)
    {
        SlotState? slot;
        try
        {
            slot = await FindAsync(cancellationToken);
        }
        catch (PipelineException e) when (e.IsTransient)
        {
            LogUnseen(_options.Capture.Slot, e.Cause);
            return;
        }

        Accept(slot);
    }

    /// <summary>Not one of the turns of readers: a look does not wait for them.</summary>
    public ValueTask<SlotState?> FindAsync(CancellationToken cancellationToken) =>
        connections.UseBesideAsync(Thing, (connection, cancel) => CaptureSetup.FindSlotAsync(connection, _options, cancel), cancellationToken);

    /// <exception cref="PipelineException">The slot is gone or lost.</exception>
    public SlotState Accept(SlotState? slot)
    {
        metrics.Seen(slot);
        SlotState.Require(slot, _options, split);
        var alarm = SlotAlarms.Of(slot!, _options.Capture.RetainedWalWarn);
        if (alarm != _alarm) LogAlarm(alarm, slot!);
        _alarm = alarm;
        return slot!;
    }

    private void LogAlarm(SlotAlarm alarm, SlotState slot)
    {
        switch (alarm)
        {
            case SlotAlarm.Unreserved:
                LogUnreserved(_options.Capture.Slot, slot.RetainedBytes);
                break;
            case SlotAlarm.RetainsMuch:
                LogRetainsMuch(_options.Capture.Slot, slot.RetainedBytes, slot.SafeBytes, _options.Capture.RetainedWalWarn);
                break;
            default:
                LogRecovered(_options.Capture.Slot, slot.RetainedBytes);
                break;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slot {Slot} holds {RetainedBytes} bytes of WAL and is about to lose them: let the lake commit sooner or raise max_slot_wal_keep_size")]
    private partial void LogUnreserved(string slot, long retainedBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slot {Slot} holds {RetainedBytes} bytes of WAL, more than capture.retained-wal-warn ({WarnBytes}); the server keeps {SafeBytes} more")]
    private partial void LogRetainsMuch(string slot, long retainedBytes, long? safeBytes, long warnBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Slot {Slot} is well again: it holds {RetainedBytes} bytes of WAL")]
    private partial void LogRecovered(string slot, long retainedBytes);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Slot {Slot} could not be looked at: {Cause}")]
    private partial void LogUnseen(string slot, string cause);
}

/// <summary>What somebody should know of a slot.</summary>
internal enum SlotAlarm
{
    None,

    /// <summary>More WAL than the configured bound waits for the lake.</summary>
    RetainsMuch,

    /// <summary>The next checkpoint may remove WAL that the slot needs.</summary>
    Unreserved,
}

internal static class SlotAlarms
{
    public static SlotAlarm Of(SlotState slot, long retainedBytesWarn) =>
        slot.Health == SlotHealth.Unreserved ? SlotAlarm.Unreserved
        : slot.RetainedBytes > retainedBytesWarn ? SlotAlarm.RetainsMuch
        : SlotAlarm.None;
}
