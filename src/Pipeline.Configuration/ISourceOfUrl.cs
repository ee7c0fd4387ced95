using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>A kind of source of which a table can be configured by its address alone.</summary>
public interface ISourceOfUrl : ISourceKind
{
    /// <summary>What may stand before <c>://</c>.</summary>
    IReadOnlyList<string> Schemes { get; }

    /// <summary>Whether nobody can read there without one.</summary>
    bool NeedsPassword(SourceUrl url);

    /// <summary>Asks the source what it has, in the order of the names.</summary>
    /// <exception cref="PipelineException">It cannot be reached.</exception>
    ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken);

    /// <summary>Asks the source what the table is, and writes the smallest configuration that reads it.</summary>
    /// <param name="password">What stands behind <c>password =</c>, where there is one: never the password.</param>
    /// <exception cref="PipelineException">There is no such table, it cannot be read this way, or the source cannot be reached.</exception>
    ValueTask<TableDraft> DraftAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken);
}
