using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What to do about a flaw.</summary>
public enum Remedy
{
    /// <summary>The file from a backup, or the table to an older version.</summary>
    RestoreFileOrTable,

    /// <summary>The table to an older version.</summary>
    RestoreTable,

    /// <summary>Nothing is to be changed: another program has written the table, or a defect has.</summary>
    KeepAndReport,

    /// <summary>As before; the table is made again from Bronze when it is deleted.</summary>
    KeepAndReportOrRemake,

    /// <summary>Report the table's history, then delete the table: it is made again.</summary>
    ReportAndRemake,

    /// <summary>What the fault that was met says.</summary>
    AsTheFaultSays,
}

/// <summary>What is not as it must be, and what to do about it.</summary>
public abstract record Flaw(Remedy NextStep) : Evidence;

/// <summary>A check could not be made.</summary>
public sealed record CannotBeRead(Fault Fault) : Flaw(Remedy.AsTheFaultSays);

/// <param name="Version">The newest version, which the file is part of.</param>
public sealed record FileIsMissing(string Path, long Version) : Flaw(Remedy.RestoreFileOrTable);

public sealed record FileHasOtherSize(string Path, long Bytes, long BytesLogged) : Flaw(Remedy.RestoreFileOrTable);

public sealed record FilesHoldOtherRows(long Rows, long? RowsLogged) : Flaw(Remedy.RestoreTable);

/// <summary>A commit moves a split to where it is already, or back.</summary>
public sealed record PositionWentBack(long Version, SplitId Split, long From, long To) : Flaw(Remedy.KeepAndReport);

/// <param name="From">The number of the redrive before; null: there was none.</param>
public sealed record RedriveIsOutOfTurn(long Version, long? From, long To) : Flaw(Remedy.KeepAndReport);

/// <summary>A commit adds rows and moves no split.</summary>
public sealed record FileMovesNothing(long Version, string Path) : Flaw(Remedy.KeepAndReport);

/// <param name="Min">The first position of the file's rows.</param>
/// <param name="From">Where the commit's splits were before; null: at their beginning.</param>
public sealed record FileIsOutsideItsRange(long Version, long Min, long Max, long? From, long To) : Flaw(Remedy.KeepAndReport);

/// <param name="At">Where the table says that the split is; null: nowhere.</param>
/// <param name="CommitsEndAt">Where its commits have left it.</param>
public sealed record PositionDiffers(SplitId Split, long? At, long CommitsEndAt) : Flaw(Remedy.KeepAndReport);

/// <param name="Part">A value of the split's column.</param>
public sealed record RecordsAreThereTwice(string Part, long Records) : Flaw(Remedy.KeepAndReport);

public sealed record RecordIsBeyondPosition(string Part, long Number, long Position) : Flaw(Remedy.KeepAndReport);

/// <summary>More records than numbers: dead letters are rows too, and were not re-driven.</summary>
public sealed record DeadLettersAreRows(long Letters) : Flaw(Remedy.KeepAndReport);

public sealed record RedrivenAreThereTwice(long Records) : Flaw(Remedy.KeepAndReport);

public sealed record RedrivenHaveNoLetter(long Rows) : Flaw(Remedy.KeepAndReport);

/// <param name="Bronze">Rows as of the last run.</param>
/// <param name="Read">Rows that the runs have counted.</param>
public sealed record RunsReadOtherRows(long Bronze, long Read) : Flaw(Remedy.KeepAndReportOrRemake);

public sealed record FatesDoNotBalance(long Bronze, RowFates Fates) : Flaw(Remedy.KeepAndReportOrRemake);

/// <param name="Values">The key's, in the order of its columns.</param>
public sealed record KeyOccursAgain(IReadOnlyList<object?> Values, long Times) : Flaw(Remedy.ReportAndRemake);

/// <param name="Rows">Of the table.</param>
/// <param name="QueryRows">Of its query.</param>
/// <param name="Missing">Keys that the query returns and the table does not hold.</param>
/// <param name="Strange">Keys that the table holds and the query does not return.</param>
public sealed record QueryReturnsOthers(long Rows, long QueryRows, long Missing, long Strange) : Flaw(Remedy.ReportAndRemake);
