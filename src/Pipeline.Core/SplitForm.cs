using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>A column as its source keeps it.</summary>
/// <param name="Name">In the lake.</param>
/// <param name="Type">The source's word for its type.</param>
public sealed record FormColumn(string Name, string Type);

/// <summary>
/// The columns of a table as its source keeps them, and what holds its rows: it tells whether rows that were read are still what the source
/// has, where a change of the table's definition gives them other values and no change of a row says so.
/// </summary>
/// <param name="Storage">Another one when all rows have been written anew, whatever for.</param>
/// <param name="Columns">By the number that a column has as long as it is there, through a change of its name.</param>
/// <param name="Last">The greatest number that a column has had.</param>
public sealed record SplitForm(string Storage, ImmutableSortedDictionary<int, FormColumn> Columns, int Last)
{
    /// <summary>Columns in which rows that were there before them may have values: they have a default, or must have one.</summary>
    [JsonIgnore]
    public ImmutableHashSet<int> Filled { get; init; } = [];

    /// <summary>Of a table that is kept in parts: what holds the rows of each, by its number; null: it is in one, or it is not known.</summary>
    public ImmutableSortedDictionary<uint, long>? Parts { get; init; }

    /// <summary>Parts of which nothing was left when what holds their rows was made.</summary>
    [JsonIgnore]
    public ImmutableHashSet<uint> Emptied { get; init; } = [];

    /// <summary>Of a form that is remembered: another one was seen, and the table is to begin anew once all changes of before are read.</summary>
    public bool IsOver { get; init; }

    /// <summary>Of a form that is listed: whether rows may have been others where its split begins, by something that no change of a row tells.</summary>
    [JsonIgnore]
    public bool IsUncertain { get; init; }

    /// <summary>Whether rows that were read in another form have other values now, or values under other names.</summary>
    public bool HasOtherRows(SplitForm known)
    {
        foreach (var (number, column) in Columns)
        {
            if (!known.Columns.TryGetValue(number, out var before))
            {
                // One that was there and was not read then, or one that came with values.
                if (number <= known.Last || Filled.Contains(number)) return true;
            }
            else if (before.Name != column.Name || (before.Type != column.Type && Storage != known.Storage))
            {
                return true;
            }
        }

        // A part that is emptied by itself takes its rows with it, and no change of a row says so.
        return known.Parts is { } parts && Emptied.Any(part => parts.TryGetValue(part, out var before) && before != Parts![part]);
    }

    /// <summary>Whether something may have happened to rows since an earlier look that no change of a row tells: also where it can be seen no more what it was.</summary>
    public bool MayHaveOtherRows(SplitForm earlier) => HasOtherRows(earlier) || earlier.Parts?.Any(part => Parts?.GetValueOrDefault(part.Key) != part.Value) == true;

    public bool Equals(SplitForm? other) => other is not null && Storage == other.Storage && Last == other.Last && IsOver == other.IsOver && Columns.SequenceEqual(other.Columns)
        && (Parts is null ? other.Parts is null : other.Parts is not null && Parts.SequenceEqual(other.Parts));

    public override int GetHashCode() => HashCode.Combine(Storage, Last, Columns.Count);
}
