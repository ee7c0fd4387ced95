using Pipeline.Configuration;

namespace Pipeline.Sources.Postgres;

/// <summary><c>type = postgres</c>: tables of a PostgreSQL database, read by watermark or by change capture.</summary>
public sealed class PostgresSourceKind : ISourceKind
{
    public string Kind => "postgres";

    public ISourceDefinition Bind(string name, SettingsReader settings) => new PostgresSourceDefinition(PostgresSourceOptions.Bind(name, settings));
}
