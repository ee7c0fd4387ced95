using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Takes rows from a source until there are enough.</summary>
internal static class Reading
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    public static CancellationTokenSource StartDeadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        return deadline;
    }

    /// <summary>Numbers of the rows of the <c>orders</c> table, in the order of reading, until there are <paramref name="rows"/>.</summary>
    public static async Task<List<long>> NumbersAsync(ISource source, long? from, int rows, CancellationToken cancellationToken)
    {
        var numbers = new List<long>();
        await foreach (var chunk in source.ReadAsync([new SplitPosition(new SplitId(source.Name, source.Tables[0].Name), from)], cancellationToken))
        {
            using (chunk)
            {
                if (chunk.Rows is { } batch) numbers.AddRange(((Int64Array)batch.Column("number")).Values);
                if (numbers.Count >= rows) break;
            }
        }

        return numbers;
    }

    public static IEnumerable<long> Numbers(int count) => Enumerable.Range(0, count).Select(number => (long)number);

    public static int CountOfWindows(this IReadOnlyCollection<string> executed) => executed.Count(sql => sql.Contains("ORDER BY", StringComparison.Ordinal));
}
