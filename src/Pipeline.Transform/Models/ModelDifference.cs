using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Transform.Models;

public enum DifferenceKind
{
    /// <summary>A row that is expected and not there.</summary>
    Missing,

    /// <summary>A row that is there and not expected.</summary>
    Unexpected,

    /// <summary>A value of a row that is there is another one.</summary>
    Value,
}

/// <summary>Where a table is not as a test has it.</summary>
/// <param name="Row">Its key, or where the test does not name the key all of its values: <c>order_id = 1, line_number = 2</c>.</param>
/// <param name="Column">Of a <see cref="DifferenceKind.Value"/>.</param>
public sealed record ModelDifference(TableId Table, DifferenceKind Kind, string Row, string? Column = null, string? Expected = null, string? Actual = null)
{
    /// <summary>Compares rows as texts, whatever their order; each row counts.</summary>
    /// <param name="columns">Of the rows.</param>
    /// <param name="key">What names a row; those of the columns count.</param>
    public static IEnumerable<ModelDifference> Of(TableId table, ImmutableArray<string> columns, IReadOnlyList<string> key, IReadOnlyList<string?[]> expected, IReadOnlyList<string?[]> actual)
    {
        var (missing, unexpected) = (expected.ToList(), new List<string?[]>());
        foreach (var row in actual)
        {
            if (missing.FindIndex(other => other.SequenceEqual(row)) is >= 0 and var same) missing.RemoveAt(same);
            else unexpected.Add(row);
        }

        var named = key.All(name => columns.Contains(name)) && key.Count > 0 ? key.Select(name => columns.IndexOf(name)).ToList() : null;
        var differences = new List<ModelDifference>();
        foreach (var row in missing)
        {
            var other = named is null ? -1 : unexpected.FindIndex(candidate => named.TrueForAll(at => candidate[at] == row[at]));
            if (other < 0)
            {
                differences.Add(new ModelDifference(table, DifferenceKind.Missing, Words(row, Enumerable.Range(0, columns.Length))));
                continue;
            }

            differences.AddRange(Enumerable.Range(0, columns.Length).Where(at => row[at] != unexpected[other][at])
                .Select(at => new ModelDifference(table, DifferenceKind.Value, Words(row, named!), columns[at], row[at], unexpected[other][at])));
            unexpected.RemoveAt(other);
        }

        return differences.Concat(unexpected.Select(row => new ModelDifference(table, DifferenceKind.Unexpected, Words(row, Enumerable.Range(0, columns.Length)))));

        string Words(string?[] row, IEnumerable<int> at) => string.Join(", ", at.Select(i => $"{columns[i]} = {row[i] ?? "null"}"));
    }
}
