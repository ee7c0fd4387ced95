using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>A Snowflake source as configured.</summary>
public sealed class SnowflakeSourceDefinition(SnowflakeSourceOptions options) : ISourceDefinition
{
    public SnowflakeSourceOptions Options { get; } = options;

    public string Name => Options.Name;

    public string Kind => "snowflake";

    public IReadOnlyList<SourceTable> Tables { get; } = [.. options.Tables.Select(table => new SourceTable(table.Name, Workers: 1) { Tags = table.Tags })];

    public ISource Open(SourceServices services) => new SnowflakeSource(this, services);

    public ISource OpenToLook(SourceServices services, int rowsMax) => new SnowflakeSource(this, services, rowsMax);
}
