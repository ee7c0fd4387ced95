using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Node.Composition;

/// <summary>Tells the log what is away and when it is back, and what waits for long and until when.</summary>
internal sealed partial class NodeOutages : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.NodeMeter);

    /// <param name="watching">By what time it is said what is away.</param>
    public NodeOutages(ILoggerFactory logs, TimeProvider time, TimeProvider watching)
    {
        var (log, waits) = (logs.CreateLogger<OutageWatch>(), logs.CreateLogger<WaitWatch>());
        Watch = new OutageWatch(watching, notice =>
        {
            if (notice.Stage == OutageStage.Away) LogAway(log, notice);
            else LogEnded(log, notice);
        })
        {
            Waits = new WaitWatch(time, notice =>
            {
                if (notice.IsOver) LogGoesOn(waits, notice.Thing, notice.Duration.InWords(), notice.Reason);
                else LogWaits(waits, notice.Thing, notice.Duration.InWords(), notice.Reason);
            }),
        };
        _meter.Gauge<long>(Instruments.Waits, () => [(Watch.Waits.Count, [])]);
    }

    public OutageWatch Watch { get; }

    public void Dispose()
    {
        _meter.Dispose();
        Watch.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Notice}")]
    private static partial void LogAway(ILogger log, OutageNotice notice);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Notice}")]
    private static partial void LogEnded(ILogger log, OutageNotice notice);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing} has waited for {Waited}: {Reason}. It goes on waiting.")]
    private static partial void LogWaits(ILogger log, string thing, string waited, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing} waits no more, after {Waited}. It was: {Reason}.")]
    private static partial void LogGoesOn(ILogger log, string thing, string waited, string reason);
}
