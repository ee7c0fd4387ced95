using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>A Snowflake source as configured.</summary>
public sealed class SnowflakeSourceDefinition(string name, SnowflakeSourceOptions options) : ISourceDefinition
{
    public string Name { get; } = name;

    public string Kind => "snowflake";

    public SnowflakeSourceOptions Options { get; } = options;

    public IReadOnlyList<SourceTable> Tables { get; } = [.. options.Tables.Select(table => new SourceTable(table.Name, Workers: 1))];

    public ISource Open(SourceServices services) => new SnowflakeSource(this, services);
}
