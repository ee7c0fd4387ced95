using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;

namespace Pipeline.Operations.Planning;

public sealed record CheckPipelineRequest;

/// <param name="Lake">Where it is.</param>
/// <param name="LakeFault">Why it cannot be written; null when it can.</param>
/// <param name="Findings">What the sources found at their systems, in the order of the configuration.</param>
public sealed record CheckPipelineResult(string Lake, PipelineException? LakeFault, IReadOnlyList<Finding> Findings)
{
    public bool IsSound => LakeFault is null && Findings.All(finding => finding.Ok);
}

/// <summary>
/// Reaches every source and writes to the lake. Loading the options has validated every setting and bound every rule and
/// query before.
/// </summary>
public static class CheckPipeline
{
    private const string Probe = ".pipeline-check";

    public static async Task<CheckPipelineResult> RunAsync(CheckPipelineRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var lakeFault = await WriteAsync(lake, cancellationToken);
        await using var sources = OpenSources.Open(options.Sources, services);
        var findings = await Task.WhenAll(sources.Select(source => source.CheckAsync(cancellationToken).AsTask()));
        return new CheckPipelineResult(lake.Store.Location, lakeFault, [.. findings.SelectMany(found => found)]);
    }

    private static async Task<PipelineException?> WriteAsync(Lake lake, CancellationToken cancellationToken)
    {
        try
        {
            await lake.Store.PutAsync(Probe, ReadOnlyMemory<byte>.Empty, cancellationToken);
            await lake.Store.DeleteAsync(Probe, cancellationToken);
            return null;
        }
        catch (PipelineException fault)
        {
            return fault;
        }
    }
}
