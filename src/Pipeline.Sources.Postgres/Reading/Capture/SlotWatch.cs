using System.Data;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Looks at a slot while it is read: publishes what it makes the server keep, warns before that is removed, and stops
/// when it was, or when somebody else has taken the slot over.
/// </summary>
internal sealed class SlotWatch(PostgresConnections connections, SplitId split, AskedEnd end, SplitLooks looks, PostgresMetrics metrics, SourceServices services)
{
    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<SlotWatch>();
    private readonly CaptureOwnership _ownership = new(connections.Options, services.Owner);
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
            _log.SlotUnseen(_options.Capture.Slot, e.Cause);
            return;
        }

        Accept(slot);
    }

    /// <summary>Not one of the turns of readers: a look does not wait for them.</summary>
    /// <exception cref="PipelineException">The slot is somebody else's by now.</exception>
    public ValueTask<SlotState?> FindAsync(CancellationToken cancellationToken) => connections.UseBesideAsync(Thing, async (connection, cancel) =>
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
        await _ownership.RequireAsync(connection, split, cancel);
        var askedAt = services.Time.GetTimestamp();
        var slot = await CaptureSetup.FindSlotAsync(connection, _options, cancel);
        await transaction.CommitAsync(cancel);
        if (slot is not null)
        {
            end.Answered(slot.End, askedAt);
            looks.EndsAt(split, slot.End);
        }

        return slot;
    }, cancellationToken);

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
                _log.SlotUnreserved(_options.Capture.Slot, slot.RetainedBytes);
                break;
            case SlotAlarm.RetainsMuch:
                _log.SlotRetainsMuch(_options.Capture.Slot, slot.RetainedBytes, slot.SafeBytes, _options.Capture.RetainedWalWarn);
                break;
            default:
                _log.SlotRecovered(_options.Capture.Slot, slot.RetainedBytes);
                break;
        }
    }
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
