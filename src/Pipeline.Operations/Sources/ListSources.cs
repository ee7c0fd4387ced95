using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Sources;

public sealed record ListSourcesRequest;

public sealed record ConfiguredSource(string Name, string Kind, IReadOnlyList<SourceTable> Tables);

public sealed record ListSourcesResult(IReadOnlyList<ConfiguredSource> Sources);

/// <summary>The configured sources; nothing is connected.</summary>
public static class ListSources
{
    public static ListSourcesResult Run(ListSourcesRequest request, PipelineOptions options)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new ListSourcesResult([.. options.Sources.Select(source => new ConfiguredSource(source.Name, source.Kind, source.Tables))]);
    }
}
