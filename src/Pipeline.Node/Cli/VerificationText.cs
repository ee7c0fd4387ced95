using System.Globalization;
using Pipeline.Core;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Cli;

/// <summary>What verification has found, as people read it.</summary>
internal static class VerificationText
{
    public static IReadOnlyList<Finding> Of(VerifyLakeResult verified) => [.. verified.OfLake.Select(flaw => Of($"Lake {verified.Lake}", null, flaw, times: 1)), .. verified.Checks.Select(Of)];

    public static Finding Of(CheckedTable check) => Of(Thing(check), check.Check, check.Found, check.Times);

    /// <summary>The last words of a verification, for people.</summary>
    public static string Verdict(VerifyLakeResult verified)
    {
        var tables = verified.Checks.Select(check => check.Table).Distinct().Count();
        var broken = verified.Checks.Where(check => !check.IsSound).Select(check => check.Table.ToString()).Concat(verified.OfLake.Count > 0 ? ["the lake itself"] : System.Array.Empty<string>()).Distinct().ToList();
        var looked = $"{Plural.Of(verified.Checks.Count, "check")} of {Plural.Of(tables, "table")} in {verified.Lake}";
        return verified switch
        {
            { IsSound: true } => $"Verified: {looked}. Nothing is lost, nothing is there twice.",
            { IsCutShort: true } => $"Not verified: the store did not answer everything. {looked}; to be looked at: {string.Join(", ", broken)}.",
            _ => $"NOT as promised: {string.Join(", ", broken)}. {looked}; the lines marked with 'no' say what to do.",
        };
    }

    /// <summary>That more rows were set aside than is expected.</summary>
    public static string Quarantined(long rows, long quarantined, int percentMax, string rule) =>
        $"{quarantined:#,0} of {Plural.Of(rows, "row")} went to the quarantine, which is {(100d * quarantined / rows).ToString("0.##", CultureInfo.InvariantCulture)} % of them and more than the {percentMax} % that are expected; most break rule {rule}";

    private static Finding Of(string thing, TableCheck? check, Evidence found, int times) => new(thing, found is not Flaw, Detail(check, found) + (times > 1 ? $" ({times:#,0} of this kind, the first is shown)" : ""),
        found switch
        {
            CannotBeRead { Fault.NextStep: var step } => step,
            Flaw flaw => NextStep(flaw.NextStep),
            _ => null,
        });

    private static string Thing(CheckedTable check) => check.Check switch
    {
        TableCheck.Presence => check.Table.ToString(),
        TableCheck.Commits => $"{check.Table} commits",
        TableCheck.Files => $"{check.Table} files",
        TableCheck.Rows => $"{check.Table} rows",
        TableCheck.Positions => $"{check.Table} positions",
        TableCheck.Numbers numbers => $"{check.Table} {Number(numbers)}s",
        TableCheck.Letters => $"{check.Table} dead letters",
        TableCheck.Redriven => $"{check.Table} redriven",
        TableCheck.Fates fates => $"{check.Table} = {fates.From}",
        TableCheck.Quarantined => $"{check.Table} quarantine",
        TableCheck.Key => $"{check.Table} key",
        TableCheck.Query => $"{check.Table} query",
        _ => throw NoText(check.Check),
    };

    private static string Detail(TableCheck? check, Evidence found) => (check, found) switch
    {
        (_, LakeIsEmpty) => "it has no tables",
        (_, CannotBeRead(var fault)) => $"{fault.Thing}: {fault.Cause}",

        (_, IsNotMadeYet) => "nothing has come for it yet",
        (_, TableIsGone) => "it was made in this lake and is gone",
        (_, IsAnotherTable(null)) => "it is not the table that was made here: another lies in its place",
        (_, IsAnotherTable(var of)) => $"it is not the table that was made here: a copy of {of} lies in its place",

        (_, CommitsAreOurs(var commits, var since)) => $"{Plural.Of(commits, "commit")}{(since is null ? "" : $" since version {since}")}, none missing, none of another program",
        (_, CommitIsMissing(var version)) => $"the commit of version {version} is missing",
        (_, CommitIsDamaged(_, var fault)) => $"{fault.Thing}: {fault.Cause}",
        (_, CheckpointIsDamaged(var fault)) => $"{fault.Thing}: {fault.Cause}; the commits say the same",
        (_, OtherCommitChangesData(var version, var operation, var added, var removed)) =>
            $"version {version} ({(operation.Length == 0 ? "which says nothing of itself" : operation.ReplaceLineEndings(" "))}) is not of this pipeline's ingest, runs or verbs, adds {Plural.Of(added, "file")} of rows and removes {removed}",
        (_, RearrangementChangesRows(var version, var before, var after)) => $"version {version} says that no rows change, and puts {after} in the place of {before}",

        (_, FilesAreThere(var rows, var files)) => $"{Plural.Of(rows, "row")} in {Plural.Of(files, "file")}",
        (_, FilesAreAsWritten(var rows, var files, var bytes, var unknown)) =>
            $"{Plural.Of(rows, "row")} in {Plural.Of(files, "file")}, {Plural.Of(bytes, "byte")} as they were written{(unknown == 0 ? "" : $" but for {Plural.Of(unknown, "file")} without a checksum")}",
        (_, FileIsMissing(var path, var version)) => $"{path} is in version {version} but not in the lake",
        (_, FileHasOtherSize(var path, var bytes, var logged)) => $"{path} has {Plural.Of(bytes, "byte")}, the log says {logged:#,0}",
        (_, FileHasOtherBytes(var path)) => $"{path} has other bytes than were written",
        (_, FileHoldsOtherRows(var path, var rows, var logged)) => $"{path} holds {Plural.Of(rows, "row")}, the log says {logged:#,0}",
        (_, FileHasOtherColumn(var path, var column, var inFile, null)) => $"{path} has a column {column} of {inFile}, which the schema has not",
        (_, FileHasOtherColumn(var path, var column, var inFile, var inTable)) => $"{path} has {column} as {inFile}, the schema says {inTable}",
        (_, BoundsAreWrong(var path, var column)) => $"the log's statistics of {path} leave out values of {column} that it holds",

        (_, RowsAreAdded(var rows, var added, var removed)) => $"{rows:#,0} = {added:#,0} added by commits - {removed:#,0} removed on purpose",
        (_, RowsAreNotAsAdded(var rows, var added, var removed)) => $"{Plural.Of(rows, "row")}, but commits have added {added:#,0} and removed {removed:#,0} on purpose: {Plural.Of(Math.Abs(added - removed - rows), "row", "is", "are")} {(rows < added - removed ? "missing" : "too many")}",

        (_, PositionsFollow(var splits, var ranges, var since)) => $"{Plural.Of(splits, "split")}, {Plural.Of(ranges, "range")} without gap or overlap{(since is null ? "" : $" since version {since}")}",
        (_, PositionWentBack(var version, var split, var from, var to)) => $"version {version} takes split {split} from {from} to {to}",
        (_, RedriveIsOutOfTurn(var version, var from, var to)) => $"version {version} takes the redrives from {from} to {to}",
        (_, FileIsOutsideItsRange file) => $"version {file.Version} adds rows at positions {file.Min} to {file.Max} for the range [{file.From?.ToString() ?? "beginning"}, {file.To})",
        (_, PositionDiffers(var split, var at, var end)) => $"split {split} is at {at}, its commits end at {end}",

        (_, RecordsAreThereOnce(var records, 0, 0)) => $"{Plural.Of(records, "record")}, none twice, none missing",
        (TableCheck.Numbers numbers, RecordsAreThereOnce(var records, var unused, var givenUp)) => $"{Plural.Of(records, "record")}, none twice"
            + (unused == 0 ? "" : $"; {Plural.Of(unused, Number(numbers))} held no record at the source (compacted away, or marks of transactions)")
            + (givenUp == 0 ? "" : $"; {Plural.Of(givenUp, Number(numbers), "was", "were")} given up by an operator"),
        (TableCheck.Numbers numbers, NumbersAreMissing(var missing, var unused, var givenUp)) =>
            $"{Plural.Of(missing, Number(numbers), "is", "are")} missing, beside {unused} that held no record at the source and {givenUp} that were given up",
        (TableCheck.Numbers numbers, RecordsAreThereTwice(var part, var records)) => $"{Part(numbers)} {part} holds {Plural.Of(records, "record")} twice",
        (TableCheck.Numbers numbers, RecordIsBeyondPosition(var part, var number, var position)) => $"{Part(numbers)} {part} holds {Number(numbers)} {number}, but its position is {position}",
        (_, DeadLettersAreRows(var letters)) => $"{Plural.Of(letters, "dead letter", "is", "are")} in the table too",

        (_, LettersAreThere(var letters)) => $"{Plural.Of(letters, "dead letter")}, as its commits say",
        (_, LettersAreMissing(var said, var letters)) => $"its commits speak of {Plural.Of(said, "dead letter")}, and the table holds {letters:#,0}",

        (_, RedrivenAreThereOnce(var rows)) => $"{Plural.Of(rows, "row")}, each once and with its dead letter",
        (_, RedrivenAreThereTwice(var records)) => $"{Plural.Of(records, "record", "was", "were")} re-driven twice",
        (_, RedrivenHaveNoLetter(var rows)) => $"{Plural.Of(rows, "re-driven row", "has", "have")} no dead letter",

        (_, NoRunIsComplete) => "no run is complete yet",
        (_, FatesBalance(var bronze, var fates, var unread)) => $"{bronze:#,0} = {Fates(fates)}{(unread == 0 ? "" : $" + {unread:#,0} not yet read")}",
        (_, RunsReadOtherRows(var bronze, var read)) => $"Bronze holds {Plural.Of(bronze, "row")} as of the last run, but the runs have read {read:#,0}",
        (_, FatesDoNotBalance(var bronze, var fates)) => $"{Plural.Of(bronze, "Bronze row")}, but {Fates(fates)} are {fates.Sum:#,0}",
        (_, InputIsBehind(var input, var madeFrom, var version)) => $"it was made from version {madeFrom} of {input}, which {(version < 0 ? "is gone" : $"is at version {version}")}",

        (_, TooManyAreQuarantined(var rows, var quarantined, var percentMax, var rule)) => Quarantined(rows, quarantined, percentMax, rule),

        (_, QueryReturnsTheSame(var rows)) => $"{Plural.Of(rows, "row")}, as its query returns",
        (_, DefinitionHasChanged) => "its definition has changed: the next run makes it again",
        (_, InputIsNotKept(var input, var version)) => $"made from version {version} of {input}, which is not kept any more",
        (_, QueryReturnsOthers(var rows, var queryRows, var missing, var strange, var changed)) =>
            $"it holds {Plural.Of(rows, "row")}, its query returns {queryRows:#,0}: {missing:#,0} missing, {strange:#,0} that should not be there, {changed:#,0} with other values",

        (TableCheck.Key key, KeysAreUnique(var earlier)) => $"one row for each {Columns(key)}{(earlier == 0 ? "" : $"; {earlier:#,0} of them, known from earlier histories of the source only, {(earlier == 1 ? "stays" : "stay")}")}",
        (TableCheck.Key key, KeyOccursAgain(var values, var times)) => $"{Columns(key)} = {string.Join(", ", values)} occurs {Plural.Of(times, "time")}",
        _ => throw NoText(found),
    };

    private static string NextStep(Remedy remedy) => remedy switch
    {
        Remedy.RestoreFileOrTable => "Restore the file from a backup, or the table with its log to an older copy.",
        Remedy.RestoreTable => "Restore the table with its log from a backup.",
        Remedy.RestoreCommit => "Restore the commit from a backup, or the table with its log to an older copy.",
        Remedy.KeepAndReport => "Another program has written this table, or a defect has: keep the lake as it is and report it with 'pipeline history'.",
        Remedy.KeepAndReportOrRemake => "Keep the lake as it is and report this with 'pipeline history'; 'pipeline rebuild' makes the table again.",
        Remedy.Remake => "Its next run makes it again, or 'pipeline rebuild'.",
        Remedy.LookElsewhere => "Choose another with --lake, or run a node that fills it.",
        Remedy.MendRowsOrRule => "See './pipeline quarantine show'; mend the rows at their source, or the rule in the contract.",
        Remedy.Wait => "Nothing to do: the next commit writes a new one.",
        _ => throw NoText(remedy),
    };

    private static string Fates(RowFates fates) =>
        $"{fates.Silver:#,0} in Silver + {fates.Quarantined:#,0} quarantined + {fates.Superseded:#,0} superseded + {fates.Deleted:#,0} deleted{(fates.Purged == 0 ? "" : $" + {fates.Purged:#,0} removed on purpose")}";

    /// <summary>The words of the source: what its columns are called.</summary>
    private static string Part(TableCheck.Numbers numbers) => numbers.SplitColumn.Trim('_');

    private static string Number(TableCheck.Numbers numbers) => numbers.NumberColumn.Trim('_');

    private static string Columns(TableCheck.Key key) => string.Join(", ", key.Columns);

    private static ArgumentException NoText(object found) => new($"{found} has no text.", nameof(found));
}
