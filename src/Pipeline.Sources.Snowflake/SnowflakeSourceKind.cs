using Pipeline.Configuration;

namespace Pipeline.Sources.Snowflake;

/// <summary><c>type = snowflake</c>: tables of a Snowflake account, read by watermark over the public SQL API.</summary>
public sealed class SnowflakeSourceKind : ISourceKind
{
    public string Kind => "snowflake";

    public ISourceDefinition Bind(string name, SettingsReader settings) => new SnowflakeSourceDefinition(SnowflakeSourceOptions.Bind(name, settings));
}
