using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Composition;

/// <summary>Has a node say in its lake which tables this shall hold, beside everything else and for as long as it takes.</summary>
internal sealed class LakeRecord(PipelineOptions options, Lake lake, OutageWatch outages, TimeProvider time, ILogger log) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    public void Start() => Background.Start(RecordAsync, failure =>
    {
        if (failure is not null) log.NotRecorded(Fault.Of($"Lake {lake.Store.Location}", failure));
    }, _stopping.Token);

    public void Dispose() => _stopping.Cancel();

    private async ValueTask RecordAsync(CancellationToken cancellationToken) => await new LakeQuestion(lake, outages, time).AskAsync(async cancel =>
    {
        await RecordTables.ForAsync(options, lake, cancel);
        return true;
    }, log.NotRecorded, fault => log.Recorded(fault.Cause), cancellationToken);
}
