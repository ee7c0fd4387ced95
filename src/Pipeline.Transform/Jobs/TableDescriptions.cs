using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Jobs;

/// <summary>What tables and their columns are configured to say to people, where their logs say something else. Rows are as they were.</summary>
public sealed class TableDescriptions(OpenTables tables, TransformGraph graph)
{
    private const string Operation = "CHANGE COLUMNS";

    /// <summary>Writes it down; a table that is not there says it with its first run.</summary>
    /// <returns>Whether there was something to write.</returns>
    /// <exception cref="PipelineException">The table cannot be read or written.</exception>
    public async ValueTask<bool> BringAsync(TableId table, CancellationToken cancellationToken)
    {
        if (graph.WordsOf(table) is not { } words || await tables.TryOpenAsync(table, cancellationToken) is not { } made) return false;
        if (!words.IsOtherThan(made.Current.Metadata) && !words.OtherThan(made.Current.Schema).Any()) return false;
        // Who is refused by somebody else's commit looks again with the next.
        await made.CommitAsync(new Transaction(Operation, Isolation.BlindAppend) { Words = words }, cancellationToken);
        return true;
    }
}
