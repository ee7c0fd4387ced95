using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What a check found: figures of what is as it must be, or a <see cref="Flaw"/>.</summary>
public abstract record Evidence;

public sealed record FilesAreThere(long Rows, int Files) : Evidence;

/// <param name="Ranges">How many ranges the commits have moved the splits by.</param>
/// <param name="Since">The oldest commit that is still in the log; null: the first one is.</param>
public sealed record PositionsFollow(int Splits, long Ranges, long? Since) : Evidence;

/// <param name="Unused">Numbers that hold no record: compacted away, or marks of transactions.</param>
public sealed record RecordsAreThereOnce(long Records, long Unused) : Evidence;

public sealed record RedrivenAreThereOnce(long Rows) : Evidence;

/// <summary>A table that no run has completed: its rows are counted nowhere yet.</summary>
public sealed record NoRunIsComplete : Evidence;

public sealed record FatesBalance(long Bronze, RowFates Fates) : Evidence;

public sealed record KeysAreUnique : Evidence;

/// <summary>A Gold table holds as many rows as its query returns, and the same keys.</summary>
public sealed record QueryReturnsTheSame(long Rows) : Evidence;

/// <summary>A Gold table was made by another definition than today's: its next run makes it again.</summary>
public sealed record DefinitionHasChanged : Evidence;

/// <summary>A version that a Gold table was made from is not kept any more, so that its query cannot be asked again.</summary>
public sealed record InputIsNotKept(TableId Input, long Version) : Evidence;

/// <summary>What became of the rows of Bronze that runs have read.</summary>
/// <param name="Superseded">A later row of the same key came.</param>
/// <param name="Deleted">Rows that delete, and those that a truncate removed.</param>
public sealed record RowFates(long Silver, long Quarantined, long Superseded, long Deleted)
{
    public long Sum => Silver + Quarantined + Superseded + Deleted;
}
