using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary><c>type = postgres</c>: tables of a PostgreSQL database, read by watermark or by change capture.</summary>
public sealed class PostgresSourceKind : ISourceOfUrl
{
    public string Kind => "postgres";

    public IReadOnlyList<string> Schemes { get; } = ["postgres", "postgresql"];

    public ISourceDefinition Bind(string name, SettingsReader settings) => new PostgresSourceDefinition(PostgresSourceOptions.Bind(name, settings));

    public bool NeedsPassword(SourceUrl url) => url?.Username is not null;

    public ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken) =>
        PostgresDraft.DiscoverAsync(url, services, cancellationToken);

    public ValueTask<TableDraft> DraftAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken) =>
        PostgresDraft.OfAsync(url, table, password, services, cancellationToken);
}
