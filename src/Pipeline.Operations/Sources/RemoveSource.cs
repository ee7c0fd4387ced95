using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Sources;

/// <param name="Name">The source's name in the configuration.</param>
/// <param name="IsAgreed">Drops what is found; otherwise it is only looked at.</param>
public sealed record RemoveSourceRequest(string Name, bool IsAgreed);

/// <param name="Traces">What the source had made on its server, in the order of its removal.</param>
/// <param name="IsRemoved">Whether those with a removal are gone.</param>
public sealed record RemoveSourceResult(IReadOnlyList<SourceTrace> Traces, bool IsRemoved)
{
    public int Removable => Traces.Count(trace => trace.Removal is not null);
}

/// <summary>What a source has made on its server, and its end. The lake keeps its tables.</summary>
public static class RemoveSource
{
    /// <exception cref="PipelineException">No such source; it makes nothing, cannot be reached, or is being read.</exception>
    public static async Task<RemoveSourceResult> RunAsync(RemoveSourceRequest request, PipelineOptions options, SourceServices services, CancellationToken cancellationToken)
    {
        if (options.Sources.FirstOrDefault(candidate => candidate.Name == request.Name) is not { } definition)
            throw new PipelineException(FaultKind.Missing, $"Source {request.Name}", "it is not configured",
                $"Name one of the configuration{SettingsReader.Nearest(request.Name, options.Sources.Select(candidate => candidate.Name))}");

        await using var sources = OpenSources.Open([definition], services);
        if (sources[0] is not IRemovableSource source)
            throw new PipelineException(FaultKind.Invalid, $"Source {request.Name}", $"sources of kind {definition.Kind} make nothing on their server", "Delete it from the configuration.");

        var traces = await source.FindTracesAsync(cancellationToken);
        if (request.IsAgreed) await source.RemoveTracesAsync(cancellationToken);
        return new RemoveSourceResult(traces, request.IsAgreed);
    }
}
