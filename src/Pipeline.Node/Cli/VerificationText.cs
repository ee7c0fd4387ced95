using Pipeline.Core;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Cli;

/// <summary>What verification has found, as people read it.</summary>
internal static class VerificationText
{
    public static Finding Of(CheckedTable check) => new(Thing(check), check.IsSound, Detail(check.Check, check.Found), check.Found is CannotBeRead { Fault.NextStep: var step } ? step : check.Found is Flaw flaw ? NextStep(flaw.NextStep) : null);

    private static string Thing(CheckedTable check) => check.Check switch
    {
        TableCheck.Files => $"{check.Table} files",
        TableCheck.Positions => $"{check.Table} positions",
        TableCheck.Numbers numbers => $"{check.Table} {Number(numbers)}s",
        TableCheck.Redriven => $"{check.Table} redriven",
        TableCheck.Fates fates => $"{check.Table} = {fates.From}",
        TableCheck.Key => $"{check.Table} key",
        TableCheck.Query => $"{check.Table} query",
        _ => throw NoText(check.Check),
    };

    private static string Detail(TableCheck check, Evidence found) => (check, found) switch
    {
        (_, CannotBeRead(var fault)) => $"{fault.Thing}: {fault.Cause}",
        (_, FilesAreThere(var rows, var files)) => $"{rows:#,0} rows in {files} files",
        (_, FileIsMissing(var path, var version)) => $"{path} is in version {version} but not in the lake",
        (_, FileHasOtherSize(var path, var bytes, var logged)) => $"{path} has {bytes} bytes, the log says {logged}",
        (_, FilesHoldOtherRows(var rows, var logged)) => $"its files hold {rows} rows, its log says {logged}",

        (_, PositionsFollow(var splits, var ranges, var since)) => $"{splits} splits, {ranges:#,0} ranges without gap or overlap{(since is null ? "" : $" since version {since}")}",
        (_, PositionWentBack(var version, var split, var from, var to)) => $"version {version} takes split {split} from {from} to {to}",
        (_, RedriveIsOutOfTurn(var version, var from, var to)) => $"version {version} takes the redrives from {from} to {to}",
        (_, FileMovesNothing(var version, var path)) => $"version {version} adds {path} without moving a position",
        (_, FileIsOutsideItsRange file) => $"version {file.Version} adds rows at positions {file.Min} to {file.Max} for the range [{file.From?.ToString() ?? "beginning"}, {file.To})",
        (_, PositionDiffers(var split, var at, var end)) => $"split {split} is at {at}, its commits end at {end}",

        (_, RecordsAreThereOnce(var records, 0)) => $"{records:#,0} records, none twice, none missing",
        (TableCheck.Numbers numbers, RecordsAreThereOnce(var records, var unused)) =>
            $"{records:#,0} records, none twice; {unused:#,0} {Number(numbers)}s hold no record (compacted away, or marks of transactions)",
        (TableCheck.Numbers numbers, RecordsAreThereTwice(var part, var records)) => $"{Part(numbers)} {part} holds {records} records twice",
        (TableCheck.Numbers numbers, RecordIsBeyondPosition(var part, var number, var position)) => $"{Part(numbers)} {part} holds {Number(numbers)} {number}, but its position is {position}",
        (_, DeadLettersAreRows(var letters)) => $"{letters} dead letters are in the table too",

        (_, RedrivenAreThereOnce(var rows)) => $"{rows:#,0} rows, each once and with its dead letter",
        (_, RedrivenAreThereTwice(var records)) => $"{records} records were re-driven twice",
        (_, RedrivenHaveNoLetter(var rows)) => $"{rows} re-driven rows have no dead letter",

        (_, NoRunIsComplete) => "no run is complete yet",
        (_, FatesBalance(var bronze, var fates)) => $"{bronze:#,0} = {Fates(fates)}",
        (_, RunsReadOtherRows(var bronze, var read)) => $"Bronze holds {bronze} rows as of the last run, but the runs have read {read}",
        (_, FatesDoNotBalance(var bronze, var fates)) => $"{bronze} Bronze rows, but {Fates(fates)} are {fates.Sum}",

        (_, QueryReturnsTheSame(var rows)) => $"{rows:#,0} rows, as its query returns",
        (_, DefinitionHasChanged) => "its definition has changed: the next run makes it again",
        (_, InputIsNotKept(var input, var version)) => $"made from version {version} of {input}, which is not kept any more",
        (_, QueryReturnsOthers(var rows, var queryRows, var missing, var strange)) =>
            $"it holds {rows} rows, its query returns {queryRows}: {missing} keys are missing, {strange} should not be there",

        (TableCheck.Key key, KeysAreUnique) => $"one row for each {Columns(key)}",
        (TableCheck.Key key, KeyOccursAgain(var values, var times)) => $"{Columns(key)} = {string.Join(", ", values)} occurs {times} times",
        _ => throw NoText(found),
    };

    private static string NextStep(Remedy remedy) => remedy switch
    {
        Remedy.RestoreFileOrTable => "Restore the file from a backup, or the table to an older version.",
        Remedy.RestoreTable => "Restore the table to an older version.",
        Remedy.KeepAndReport => "Another program has written this table, or a defect has: keep the lake as it is and report it with 'pipeline history'.",
        Remedy.KeepAndReportOrRemake => "Keep the lake as it is and report this with 'pipeline history'; deleting the Silver table has it made again.",
        Remedy.ReportAndRemake => "Please report this with the table's history; then delete the table so that it is made again.",
        _ => throw NoText(remedy),
    };

    private static string Fates(RowFates fates) =>
        $"{fates.Silver:#,0} in Silver + {fates.Quarantined:#,0} quarantined + {fates.Superseded:#,0} superseded + {fates.Deleted:#,0} deleted";

    /// <summary>The words of the source: what its columns are called.</summary>
    private static string Part(TableCheck.Numbers numbers) => numbers.SplitColumn.Trim('_');

    private static string Number(TableCheck.Numbers numbers) => numbers.NumberColumn.Trim('_');

    private static string Columns(TableCheck.Key key) => string.Join(", ", key.Columns);

    private static ArgumentException NoText(object found) => new($"{found} has no text.", nameof(found));
}
