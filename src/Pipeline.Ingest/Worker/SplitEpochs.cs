using Pipeline.Core;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// Which epochs of a table its splits are read in, decided when they are listed. The identity of the table's newest history
/// keeps its epoch, and splits that are found later share it; every other identity, also one from before that comes back,
/// begins the next one: whatever its source holds now is newer than what the table has. So does a snapshot that is listed no
/// more: a part of the table is gone, and only a new snapshot of the rest says which rows were in it. So do rows that have other
/// values by a change of their table's definition, or that went with a part that was emptied by itself; these three wait until the
/// changes of before are read, which belong to the epoch that ends. So does a stretch of a split in which the table was not fed, and the
/// beginning of a split that lies so far back that rows may have gone or changed meanwhile without a change of theirs.
/// </summary>
internal static class SplitEpochs
{
    /// <summary>The histories that the table has to learn; empty when it knows them.</summary>
    /// <param name="histories">What it remembers.</param>
    /// <param name="listed">All splits of the table that say whose they are; one identity.</param>
    /// <param name="position">How far it has read a split in the split's newest epoch, or in a release that remembered no histories; null: it has not.</param>
    /// <param name="isRead">Whether it holds any position of its source.</param>
    /// <param name="isLeftBehind">Whether a split has gone on without the table: see <see cref="LeftBehind"/>.</param>
    /// <exception cref="ArgumentException">The splits are of several histories.</exception>
    public static IReadOnlyDictionary<SplitId, SplitHistory> Learn(SplitHistories histories, IReadOnlyCollection<Split> listed, Func<SplitId, long?> position, bool isRead, bool isLeftBehind = false)
    {
        var identities = listed.Select(split => split.Identity).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        if (identities.Count > 1) throw new ArgumentException($"Splits of one table are of {identities.Count} histories: {string.Join(", ", identities)}.", nameof(listed));
        if (identities is not [var identity]) return new Dictionary<SplitId, SplitHistory>();

        var isAdopted = histories.Newest is null && (!isRead || listed.Any(split => position(split.Id) is not null));
        var epoch = isAdopted ? 0 : 1;
        var waits = false;
        if (histories.Newest is { } newest)
        {
            var isNext = !AreOne(newest.Identity, identity) || isLeftBehind;
            var isDue = !isNext && (HasLostPart(histories, newest.Epoch, listed) || HasOtherRows(histories, newest.Epoch, listed));
            waits = isDue && listed.Any(split => !split.IsSnapshot && split.BeginningAnew > position(split.Id));
            epoch = isNext || (isDue && !waits) ? newest.Epoch + 1 : newest.Epoch;
        }

        var order = epoch == histories.Newest?.Epoch ? histories.Newest.Order : null;
        // The form is for the table's own workers to say, who list all of its splits.
        var isWhole = HasSnapshot(listed);
        return listed.Select(split => (split.Id, History: new SplitHistory(epoch, identity, split.IsSnapshot) { Order = order, Form = split.IsSnapshot ? null : !isWhole ? FormOf(split.Id) : waits || IsUncertain(split) ? Waiting(FormOf(split.Id) ?? split.Form) : split.Form }))
            .Where(split => histories.Find(split.Id) != split.History).ToDictionary(split => split.Id, split => split.History);

        SplitForm? FormOf(SplitId split) => histories.Find(split)?.Form;

        // Of the first form of a split that does not begin behind it.
        bool IsUncertain(Split split) => split.Form is { IsUncertain: true } && histories.Find(split.Id) is var known && known?.Form is null && (known is null || known.Epoch == epoch)
            && split.BeginningAnew > (position(split.Id) ?? split.Beginning);
    }

    /// <summary>What was seen may not be seen again: a part that was emptied is filled.</summary>
    private static SplitForm? Waiting(SplitForm? known) => known is null ? null : known with { IsOver = true };

    /// <summary>One may say less of the same history than the other, an earlier release or other settings: the beginning of it.</summary>
    private static bool AreOne(string known, string listed) => $"{listed}/".StartsWith($"{known}/", StringComparison.Ordinal) || known.StartsWith($"{listed}/", StringComparison.Ordinal);

    /// <summary>Who lists a split for its own table only lists none of the others' snapshots.</summary>
    private static bool HasLostPart(SplitHistories histories, int epoch, IReadOnlyCollection<Split> listed) => HasSnapshot(listed)
        && histories.BySplit.Any(known => known.Value.IsSnapshot && known.Value.Epoch == epoch && listed.All(split => split.Id != known.Key));

    /// <summary>Only a snapshot says what the rows are now.</summary>
    private static bool HasOtherRows(SplitHistories histories, int epoch, IReadOnlyCollection<Split> listed) => HasSnapshot(listed)
        && listed.Any(split => !split.IsSnapshot && split.Form is { } form && histories.Find(split.Id) is { Form: { } known } history && history.Epoch == epoch && (known.IsOver || form.HasOtherRows(known)));

    private static bool HasSnapshot(IReadOnlyCollection<Split> listed) => listed.Any(split => split.IsSnapshot);

    /// <summary>Whether splits are of another history than the newest that a table knows.</summary>
    public static bool IsAnother(SplitHistories histories, IReadOnlyCollection<Split> listed) => histories.Newest is { } newest && listed.Any(split => split.Identity is { } identity && !AreOne(newest.Identity, identity));

    /// <summary>
    /// The same for a table that has rows of splits only where they could not be decoded: each split has its own count there,
    /// which follows the table that it is read for.
    /// </summary>
    /// <param name="of">The histories of that table.</param>
    public static IReadOnlyDictionary<SplitId, SplitHistory> Follow(SplitHistories histories, SplitHistories of, IReadOnlyCollection<Split> listed)
    {
        var learned = new Dictionary<SplitId, SplitHistory>();
        foreach (var split in listed)
        {
            if (of.Find(split.Id) is not { } followed) continue;
            var identity = SplitHistory.AppIdOf(new SplitId("", followed.Identity), followed.Epoch)[1..];
            if (histories.Find(split.Id) is not { } known) learned[split.Id] = new SplitHistory(0, identity);
            else if (known.Identity != identity) learned[split.Id] = new SplitHistory(known.Epoch + 1, identity);
        }

        return learned;
    }
}
