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

    /// <summary>
    /// Makes the source for somebody who looks at some of its rows and keeps no position: whatever is asked of it, it makes, claims and commits
    /// nothing at its system.
    /// </summary>
    /// <param name="rowsMax">No more rows of a table are wanted, of which a source may make use; it may give more.</param>
    ISource OpenToLook(SourceServices services, int rowsMax);
}
