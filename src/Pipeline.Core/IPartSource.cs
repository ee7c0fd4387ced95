using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>A part of a split that is to be read again.</summary>
/// <param name="From">The first position of it.</param>
/// <param name="To">The first that is not of it any more; null: all that there is from <paramref name="From"/> on.</param>
public sealed record SplitPart(SplitId Split, long From, long? To = null)
{
    /// <summary>For people.</summary>
    [JsonIgnore]
    public string Range => To is { } to ? $"{From}..{to}" : $"{From}..";
}

/// <summary>A source of which a part of a table can be read again, where people name it as the source does.</summary>
public interface IPartSource : ISource
{
    /// <summary>Where a part of a table lies now in its splits; behind where they end, of those in which nothing of it lies.</summary>
    /// <param name="from">Where it begins, as people write it.</param>
    /// <param name="to">Where it ends, which is not of it; null: it does not.</param>
    /// <exception cref="PipelineException">The table is not read so that a part of it could be read again, what was written names none, or the source does not answer.</exception>
    ValueTask<IReadOnlyList<SplitPart>> LocateAsync(string table, string from, string? to, CancellationToken cancellationToken);
}
