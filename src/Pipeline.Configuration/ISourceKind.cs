using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>A kind of source (<c>type = kafka</c>): one project each.</summary>
public interface ISourceKind
{
    /// <summary>The word after <c>type =</c>.</summary>
    string Kind { get; }

    /// <summary>Reads the source's settings, reporting every problem to the reader; connects to nothing.</summary>
    ISourceDefinition Bind(string name, SettingsReader settings);
}

/// <summary>A source as configured: what <see cref="ISourceKind.Bind"/> understood.</summary>
public interface ISourceDefinition
{
    string Name { get; }

    string Kind { get; }

    IReadOnlyList<SourceTable> Tables { get; }

    /// <summary>Makes the source; connections are opened on first use.</summary>
    ISource Open(SourceServices services);
}
