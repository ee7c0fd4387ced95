using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What a check found: figures of what is as it must be, or a <see cref="Flaw"/>.</summary>
public abstract record Evidence;

/// <summary>A table that the lake shall hold and that nothing has come for yet.</summary>
public sealed record IsNotMadeYet : Evidence;

public sealed record FilesAreThere(long Rows, int Files) : Evidence;

/// <summary>Every byte is as it was written.</summary>
/// <param name="Unknown">Files of which nobody has taken a checksum: they were written by another program, or by a release before.</param>
public sealed record FilesAreAsWritten(long Rows, int Files, long Bytes, int Unknown) : Evidence;

/// <param name="Since">The oldest commit that is still in the log; null: the first one is.</param>
public sealed record CommitsAreOurs(int Commits, long? Since) : Evidence;

/// <summary>The files hold what commits have added.</summary>
/// <param name="Removed">On purpose, by commits that say so.</param>
public sealed record RowsAreAdded(long Rows, long Added, long Removed) : Evidence;

/// <param name="Ranges">How many ranges the commits have moved the splits by.</param>
/// <param name="Since">The oldest commit that is still in the log; null: the first one is.</param>
public sealed record PositionsFollow(int Splits, long Ranges, long? Since) : Evidence;

/// <param name="Unused">Numbers for which the source had no record: compacted away, or marks of transactions.</param>
/// <param name="GivenUp">Numbers that an operator has given up.</param>
public sealed record RecordsAreThereOnce(long Records, long Unused, long GivenUp) : Evidence;

/// <summary>As many dead letters as the table's commits speak of.</summary>
public sealed record LettersAreThere(long Letters) : Evidence;

public sealed record RedrivenAreThereOnce(long Rows) : Evidence;

/// <summary>A table that no run has completed: its rows are counted nowhere yet.</summary>
public sealed record NoRunIsComplete : Evidence;

/// <param name="Unread">Rows that no run has read yet.</param>
public sealed record FatesBalance(long Bronze, RowFates Fates, long Unread) : Evidence;

/// <param name="Earlier">Of them, keys of which only earlier histories of the source have brought anything: what it has now may not have them.</param>
public sealed record KeysAreUnique(long Earlier = 0) : Evidence;

/// <summary>A Gold table holds the rows that its query returns.</summary>
public sealed record QueryReturnsTheSame(long Rows) : Evidence;

/// <summary>A Gold table was made by another definition than today's: its next run makes it again.</summary>
public sealed record DefinitionHasChanged : Evidence;

/// <summary>A version that a Gold table was made from is not kept any more, so that its query cannot be asked again.</summary>
public sealed record InputIsNotKept(TableId Input, long Version) : Evidence;

/// <summary>What became of the rows of Bronze that runs have read.</summary>
/// <param name="Superseded">A later row of the same key came.</param>
/// <param name="Deleted">Rows that delete, and those that a truncate removed.</param>
/// <param name="Purged">Removed from the table on purpose.</param>
public sealed record RowFates(long Silver, long Quarantined, long Superseded, long Deleted, long Purged = 0)
{
    public long Sum => Silver + Quarantined + Superseded + Deleted + Purged;
}
