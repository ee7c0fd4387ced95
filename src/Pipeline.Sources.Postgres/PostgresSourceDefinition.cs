using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres;

/// <summary>A PostgreSQL source as configured.</summary>
public sealed class PostgresSourceDefinition(PostgresSourceOptions options) : ISourceDefinition
{
    public PostgresSourceOptions Options { get; } = options;

    public string Name => Options.Name;

    public string Kind => "postgres";

    /// <summary>Splits are few and ordered: more than one worker a table would have nothing to do.</summary>
    public IReadOnlyList<SourceTable> Tables { get; } = [.. options.Tables.Select(table => new SourceTable(table.Name, Workers: 1, RowsMayRepeat: table.Overlap > TimeSpan.Zero)
    {
        TechnicalColumns = options.Mode == ReadMode.Cdc ? [ChangeColumns.SequenceField.Name] : [],
        Tags = table.Tags,
        IsReadWithOthers = options.Mode == ReadMode.Cdc,
    })];

    public ISource Open(SourceServices services) => new PostgresSource(this, services);

    /// <summary>With change capture the rows that a table has now, without a slot and whether it is published or not.</summary>
    public ISource OpenToLook(SourceServices services, int rowsMax) => new PostgresSource(this, services, rowsMax);
}
