using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Testing;

/// <summary>
/// One empty table of a real or emulated system, and sources that read it: what <see cref="SourceContract"/> needs from
/// each kind of source. Rows are numbered from zero in the order of their appending.
/// </summary>
public abstract class SourceFixture : IAsyncDisposable
{
    /// <summary>The table's name within the source.</summary>
    public abstract string Table { get; }

    /// <summary>A value that must never show in a message, e.g. the password; null when the source has none.</summary>
    public virtual string? Secret => null;

    /// <summary>A new source, with its own connections, that has <see cref="Table"/>. The caller disposes it.</summary>
    public abstract ISource Open();

    /// <summary>The same with a name that no other source of this process has: what is measured of it is its own.</summary>
    public abstract ISource OpenAlone();

    /// <summary>A source whose system cannot be reached or refuses it.</summary>
    public abstract ISource OpenBroken();

    /// <summary>A source with one configured table that its system does not have.</summary>
    public abstract ISource OpenWithMissingTable();

    /// <summary>A source that tells tables of one name apart: another way of reading may leave that to whoever configures it.</summary>
    public virtual ISource OpenOfHistory() => Open();

    /// <summary>Puts another table, without rows, in the place of this one. Numbers go on.</summary>
    public abstract ValueTask ReplaceAsync(CancellationToken cancellationToken);

    /// <summary>Gives the table's name to another table with rows of its own, and at the next call back again. Numbers go on.</summary>
    /// <returns>False: what has a name in this system keeps it.</returns>
    public abstract ValueTask<bool> SwapAsync(CancellationToken cancellationToken);

    /// <summary>Gives the table a column of text in which the rows that are appended from now on have their number.</summary>
    /// <returns>False: rows of this system have no columns of their own.</returns>
    public abstract ValueTask<bool> AddColumnAsync(string name, CancellationToken cancellationToken);

    /// <summary>Each thing that a source could make, alter or leave behind in its system, rows apart.</summary>
    public abstract ValueTask<IReadOnlyList<string>> StateAsync(CancellationToken cancellationToken);

    /// <summary>Adds rows that carry the next <paramref name="count"/> numbers; durable and readable on return.</summary>
    public abstract ValueTask AppendAsync(int count, CancellationToken cancellationToken);

    /// <summary>The number that the row was appended with.</summary>
    public abstract long NumberOf(RecordBatch rows, int row);

    public abstract ValueTask DisposeAsync();
}
