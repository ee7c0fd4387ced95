using System.Collections;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Operations.Sources;

/// <summary>The configured sources, opened: connections are made on first use and end with this object.</summary>
public sealed class OpenSources : IReadOnlyList<ISource>, IAsyncDisposable
{
    private readonly IReadOnlyList<ISource> _sources;

    private OpenSources(IReadOnlyList<ISource> sources) => _sources = sources;

    public int Count => _sources.Count;

    public ISource this[int index] => _sources[index];

    public static OpenSources Open(IEnumerable<ISourceDefinition> definitions, SourceServices services) =>
        new([.. definitions.Select(definition => definition.Open(services))]);

    public IEnumerator<ISource> GetEnumerator() => _sources.GetEnumerator();

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources) await source.DisposeAsync();
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
