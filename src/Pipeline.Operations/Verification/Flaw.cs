using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What to do about a flaw.</summary>
public enum Remedy
{
    /// <summary>The file from a backup, or the table with its log to an older copy.</summary>
    RestoreFileOrTable,

    /// <summary>The table with its log to an older copy.</summary>
    RestoreTable,

    /// <summary>The commit from a backup.</summary>
    RestoreCommit,

    /// <summary>Nothing is to be changed: another program has written the table, or a defect has.</summary>
    KeepAndReport,

    /// <summary>As before; the table can be made again from what it is made of.</summary>
    KeepAndReportOrRemake,

    /// <summary>The table can be made again from what it is made of.</summary>
    Remake,

    /// <summary>Another place is meant.</summary>
    LookElsewhere,

    /// <summary>What the fault that was met says.</summary>
    AsTheFaultSays,

    /// <summary>Rows at their source, or the rule that they break.</summary>
    MendRowsOrRule,

    /// <summary>Nothing: it heals itself with the next commit that is due.</summary>
    Wait,
}

/// <summary>What is not as it must be, and what to do about it.</summary>
public abstract record Flaw(Remedy NextStep) : Evidence;

/// <summary>The lake as a whole: it has no tables at all.</summary>
public sealed record LakeIsEmpty() : Flaw(Remedy.LookElsewhere);

/// <summary>A check could not be made.</summary>
public sealed record CannotBeRead(Fault Fault) : Flaw(Remedy.AsTheFaultSays);

/// <summary>A table was made in the lake and is there no more.</summary>
public sealed record TableIsGone(bool CanBeMadeAgain) : Flaw(CanBeMadeAgain ? Remedy.Remake : Remedy.RestoreTable);

/// <summary>In the place of a table lies another: not the one that was made here.</summary>
/// <param name="Of">Whose copy it is; null: of none of this lake.</param>
public sealed record IsAnotherTable(TableId? Of) : Flaw(Remedy.RestoreTable);

/// <summary>More rows of a Silver table were set aside than is expected, and still are.</summary>
/// <param name="Rows">New rows of the runs that did so.</param>
/// <param name="Quarantined">Of those, the ones that were set aside.</param>
/// <param name="PercentMax">So many of a hundred are expected.</param>
/// <param name="Rule">The rule that most of them break.</param>
public sealed record TooManyAreQuarantined(long Rows, long Quarantined, int PercentMax, string Rule) : Flaw(Remedy.MendRowsOrRule);

public sealed record CommitIsMissing(long Version) : Flaw(Remedy.RestoreCommit);

/// <summary>A commit that cannot be read, though the table can.</summary>
public sealed record CommitIsDamaged(long Version, Fault Fault) : Flaw(Remedy.RestoreCommit);

/// <summary>The newest checkpoint cannot be read: commits and older ones say the same.</summary>
public sealed record CheckpointIsDamaged(Fault Fault) : Flaw(Remedy.Wait);

/// <summary>A commit that this pipeline has not made, or that no verb of it makes, adds or removes rows.</summary>
/// <param name="Operation">By its own word.</param>
/// <param name="FilesAdded">With rows.</param>
public sealed record OtherCommitChangesData(long Version, string Operation, int FilesAdded, int FilesRemoved) : Flaw(Remedy.KeepAndReport);

/// <summary>A commit that says it changes no rows puts others, or fewer, in their place.</summary>
public sealed record RearrangementChangesRows(long Version, long RowsRemoved, long RowsAdded) : Flaw(Remedy.KeepAndReport);

/// <summary>The files do not hold what commits have added.</summary>
public sealed record RowsAreNotAsAdded(long Rows, long Added, long Removed) : Flaw(Remedy.KeepAndReport);

/// <param name="Version">The newest version, which the file is part of.</param>
public sealed record FileIsMissing(string Path, long Version) : Flaw(Remedy.RestoreFileOrTable);

public sealed record FileHasOtherSize(string Path, long Bytes, long BytesLogged) : Flaw(Remedy.RestoreFileOrTable);

/// <summary>Bytes of a file are not those that were written.</summary>
public sealed record FileHasOtherBytes(string Path) : Flaw(Remedy.RestoreFileOrTable);

/// <summary>A file holds another number of rows than the log says.</summary>
public sealed record FileHoldsOtherRows(string Path, long Rows, long RowsLogged) : Flaw(Remedy.RestoreFileOrTable);

/// <param name="InSchema">Its type there; null: it is not there.</param>
public sealed record FileHasOtherColumn(string Path, string Column, string InFile, string? InSchema) : Flaw(Remedy.KeepAndReport);

/// <summary>The log says of a column's values that they lie where they do not: readers pass over rows.</summary>
public sealed record BoundsAreWrong(string Path, string Column) : Flaw(Remedy.KeepAndReport);

/// <summary>A commit moves a split to where it is already, or back.</summary>
public sealed record PositionWentBack(long Version, SplitId Split, long From, long To) : Flaw(Remedy.KeepAndReport);

/// <param name="From">The number of the redrive before; null: there was none.</param>
public sealed record RedriveIsOutOfTurn(long Version, long? From, long To) : Flaw(Remedy.KeepAndReport);

/// <param name="Min">The first position of the file's rows.</param>
/// <param name="From">Where the commit's splits were before; null: at their beginning.</param>
public sealed record FileIsOutsideItsRange(long Version, long Min, long Max, long? From, long To) : Flaw(Remedy.KeepAndReport);

/// <param name="At">Where the table says that the split is; null: nowhere.</param>
/// <param name="CommitsEndAt">Where its commits have left it.</param>
public sealed record PositionDiffers(SplitId Split, long? At, long CommitsEndAt) : Flaw(Remedy.KeepAndReport);

/// <param name="Part">A value of the split's column.</param>
public sealed record RecordsAreThereTwice(string Part, long Records) : Flaw(Remedy.KeepAndReport);

public sealed record RecordIsBeyondPosition(string Part, long Number, long Position) : Flaw(Remedy.KeepAndReport);

/// <summary>Numbers have no record here, and the commits that passed them do not say that the source had none.</summary>
public sealed record NumbersAreMissing(long Missing, long Unused, long GivenUp) : Flaw(Remedy.KeepAndReport);

/// <param name="Said">By the commits of the table.</param>
public sealed record LettersAreMissing(long Said, long Found) : Flaw(Remedy.KeepAndReport);

/// <summary>A table was made from a version of another that this does not have (any more).</summary>
public sealed record InputIsBehind(TableId Input, long MadeFrom, long Version) : Flaw(Remedy.KeepAndReportOrRemake);

/// <summary>More records than numbers: dead letters are rows too, and were not re-driven.</summary>
public sealed record DeadLettersAreRows(long Letters) : Flaw(Remedy.KeepAndReport);

public sealed record RedrivenAreThereTwice(long Records) : Flaw(Remedy.KeepAndReport);

public sealed record RedrivenHaveNoLetter(long Rows) : Flaw(Remedy.KeepAndReport);

/// <param name="Bronze">Rows as of the last run.</param>
/// <param name="Read">Rows that the runs have counted.</param>
public sealed record RunsReadOtherRows(long Bronze, long Read) : Flaw(Remedy.KeepAndReportOrRemake);

public sealed record FatesDoNotBalance(long Bronze, RowFates Fates) : Flaw(Remedy.KeepAndReportOrRemake);

/// <param name="Values">The key's, in the order of its columns.</param>
public sealed record KeyOccursAgain(IReadOnlyList<object?> Values, long Times) : Flaw(Remedy.KeepAndReportOrRemake);

/// <param name="Rows">Of the table.</param>
/// <param name="QueryRows">Of its query.</param>
/// <param name="Missing">Keys that the query returns and the table does not hold.</param>
/// <param name="Strange">Keys that the table holds and the query does not return.</param>
/// <param name="Changed">Rows that have another value than the query returns for their key.</param>
public sealed record QueryReturnsOthers(long Rows, long QueryRows, long Missing, long Strange, long Changed) : Flaw(Remedy.KeepAndReportOrRemake);
