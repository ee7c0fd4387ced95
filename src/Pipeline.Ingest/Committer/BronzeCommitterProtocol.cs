using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Committer;

/// <summary>Asks the committer of <see cref="Table"/>, wherever in the cluster it is.</summary>
public interface IBronzeCommand
{
    TableId Table { get; }
}

/// <summary>Asks where splits stand. Answered when nothing staged for them is still undecided.</summary>
/// <param name="Tag">Comes back with the answer.</param>
/// <param name="AtLeast">A version of the table that the answer must not be older than; null: any.</param>
public sealed record GetPositions(TableId Table, long Tag, ImmutableArray<SplitId> Splits, long? AtLeast = null) : IBronzeCommand;

/// <summary>Where splits stand in the table's log; a split it has never seen is absent.</summary>
/// <param name="Version">The table's version; -1 when there is no table yet.</param>
/// <param name="Marks">Of the splits that have something beside their positions; null: none has.</param>
/// <param name="Epochs">Of the splits that are read in another epoch than 0; null: none is, or the answer is of a node of the release before.</param>
public sealed record PositionsFound(TableId Table, long Tag, long Version, ImmutableDictionary<SplitId, long> Positions, ImmutableDictionary<SplitId, int>? Epochs = null, ImmutableDictionary<SplitId, SplitMarks>? Marks = null);

/// <summary>The table cannot be opened.</summary>
public sealed record PositionsUnavailable(TableId Table, long Tag, Fault Fault);

/// <summary>
/// Asks for complete data files to become part of the table together with the positions they reach. May be sent again
/// with the same <see cref="Id"/> until answered.
/// </summary>
/// <param name="Ranges">One per split; each starts where the table, or the stage before this one, stands.</param>
/// <param name="Files">None: only positions move.</param>
/// <param name="Schema">An Arrow IPC schema when the files have columns that the table lacks; null otherwise.</param>
/// <param name="Lake">The id of the lake that the files are in; null from workers of the release before.</param>
public sealed record StageFiles(TableId Table, Guid Id, ImmutableArray<StagedRange> Ranges, ImmutableArray<StagedFile> Files, long Rows,
    DateTimeOffset? NewestEventAt, byte[]? Schema, string? Lake = null) : IBronzeCommand
{
    /// <summary>Records of the ranges that went to the dead letters; null from workers of the release before, which do not count.</summary>
    public long? Letters { get; init; }

    /// <summary>Where records are numbered: numbers of the ranges for which the source had no record; null as for <see cref="Letters"/>.</summary>
    public long? Unused { get; init; }

    /// <summary>True: the reading ends here, or has all that its splits held when it began, so that no further stage is worth waiting for; null: it goes on.</summary>
    public bool? IsEnd { get; init; }
}

/// <summary>A stage that is too large for a message: it is in the lake, see <see cref="StageManifest"/>.</summary>
/// <param name="Stage">Its <see cref="StageFiles.Id"/>, which also says where it is.</param>
/// <param name="Sha256">Of its bytes, in hexadecimal.</param>
public sealed record StageReference(TableId Table, Guid Stage, long Bytes, string Sha256) : IBronzeCommand;

/// <summary>The half-open range <c>[From, To)</c> that a stage covers of one split.</summary>
/// <param name="From">Null: the table holds no position for the split yet.</param>
/// <param name="Epoch">In which the split was read; null: 0. A committer of the release before takes such a range for one of epoch 0 and refuses it.</param>
/// <param name="Marks">What goes with <paramref name="To"/>; null: nothing.</param>
public readonly record struct StagedRange(SplitId Split, long? From, long To, int? Epoch = null, SplitMarks? Marks = null);

/// <summary>A complete data file that waits to be committed: what its <see cref="AddFile"/> says, without the rows.</summary>
public sealed record StagedFile(string Path, ImmutableDictionary<string, string?> PartitionValues, long Size, DateTimeOffset ModifiedAt,
    string? Stats)
{
    /// <summary>Of its bytes, as <see cref="FileChecksum"/>; null from workers of the release before.</summary>
    public uint? Checksum { get; init; }

    public static StagedFile From(AddFile file) => new(file.Path, file.PartitionValues, file.Size, file.ModifiedAt, file.Stats) { Checksum = file.Checksum };

    public AddFile ToAdd() => new(Path, PartitionValues, Size, ModifiedAt, DataChange: true, Stats, FileChecksum.TagsOf(Checksum));
}

/// <summary>The stage is part of the table: its rows are durable.</summary>
public sealed record StageCommitted(Guid Id, TableId Table, long Version, DateTimeOffset CommittedAt);

/// <summary>
/// The stage does not start where the table stands: somebody else has moved a split, or is about to. The worker drops what
/// it has and asks again. Its files must not be deleted: another committer may be about to commit them, and a commit whose
/// answer was lost may have made them part of the table before they were compacted away.
/// </summary>
/// <param name="IsFinal">For workers of the release before, which delete the files of a refusal that says so: none does.</param>
public sealed record StageRefused(Guid Id, TableId Table, ImmutableDictionary<SplitId, long> Positions, bool IsFinal = false);

/// <summary>
/// The stage could not be committed for now or ever, see <see cref="Fault.IsTriedAgain"/>. Whether it has been is unknown
/// until the positions are asked for: its files must not be deleted.
/// </summary>
public sealed record StageFailed(Guid Id, TableId Table, Fault Fault);
