using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>Which epoch of a table a listing of its splits is of.</summary>
public sealed class SplitEpochsSpec
{
    private static readonly SplitId One = new("events", "orders@a/0"), Two = new("events", "orders@a/1"), Other = new("events", "orders@b/0");

    [Fact]
    public void The_first_history_of_a_table_is_epoch_0() =>
        Assert.Equal(Of(0, "a", One, Two), Learn(SplitHistories.None, "a", One, Two));

    [Fact]
    public void What_a_table_knows_it_does_not_learn_again() =>
        Assert.Empty(Learn(Known(0, "a", One, Two), "a", One, Two));

    [Fact]
    public void A_split_that_is_found_later_shares_the_epoch_of_its_identity() =>
        Assert.Equal(Of(3, "a", Two), Learn(Known(3, "a", One), "a", One, Two));

    [Fact]
    public void Splits_of_an_epoch_are_of_its_order_those_that_are_found_later_too_and_the_next_has_its_own()
    {
        var known = Histories(Of(3, "a", One).Select(pair => KeyValuePair.Create(pair.Key, pair.Value with { Order = 1 })));

        Assert.Equal([(Two, new SplitHistory(3, "a") { Order = 1 })], SplitEpochs.Learn(known, [SplitOf(One, "a"), SplitOf(Two, "a")], _ => null, isRead: true).Select(pair => (pair.Key, pair.Value)));
        Assert.Equal(Of(4, "b", Other), Learn(known, "b", Other));
        // Letters are counted by the epochs in which they are read.
        Assert.Equal(new SplitHistory(0, "a#3"), SplitEpochs.Follow(SplitHistories.None, known, [SplitOf(One, "a")])[One]);
    }

    [Fact]
    public void Another_identity_begins_the_next_epoch() =>
        Assert.Equal(Of(4, "b", Other), Learn(Known(3, "a", One, Two), "b", Other));

    [Fact]
    public void Another_identity_under_the_same_name_of_a_split_begins_the_next_epoch() =>
        Assert.Equal(Of(1, "b", One), Learn(Known(0, "a", One), "b", One));

    [Fact]
    public void An_identity_that_comes_back_is_newer_than_what_was_read_meanwhile()
    {
        var known = Histories(Of(0, "a", One).Concat(Of(1, "b", Other)));

        Assert.Equal(Of(2, "a", One), Learn(known, "a", One));
    }

    [Theory]
    [InlineData("cdc/1", "cdc/1/2/3", 0)]
    [InlineData("cdc/1/2/3", "cdc/1", 0)]
    [InlineData("cdc/1", "cdc/12/3", 1)]
    [InlineData("cdc/1/2/3", "cdc/1/2/30", 1)]
    public void An_identity_that_says_more_of_the_same_history_is_the_same(string known, string listed, int epoch) =>
        Assert.Equal(Of(epoch, listed, One), Learn(Known(0, known, One), listed, One));

    [Fact]
    public void A_snapshot_that_is_listed_no_more_begins_the_next_epoch_for_what_is_left()
    {
        Split[] all = [SplitOf(One, "a"), SplitOf(Two, "a") with { IsSnapshot = true }, SplitOf(Other, "a") with { IsSnapshot = true }];
        var known = Histories(SplitEpochs.Learn(SplitHistories.None, all, _ => null, isRead: false));

        Assert.Empty(SplitEpochs.Learn(known, all, _ => null, isRead: true));
        // As it is listed for another table.
        Assert.Empty(SplitEpochs.Learn(known, all[..1], _ => null, isRead: true));
        Assert.Equal([(One, 1), (Two, 1)], SplitEpochs.Learn(known, all[..2], _ => null, isRead: true).Select(pair => (pair.Key, pair.Value.Epoch)));
    }

    [Fact]
    public void A_part_that_is_gone_begins_the_next_epoch_once_all_that_came_before_is_read()
    {
        var known = Learned(SplitHistories.None, InParts(first: 7, [Two, Other]), position: 1);

        Assert.Equal(0, Learned(known, InParts(first: 7, [Two]), position: 69).Newest!.Epoch);
        Assert.Equal(1, Learned(known, InParts(first: 7, [Two]), position: 70).Newest!.Epoch);
    }

    [Fact]
    public void A_part_that_was_emptied_begins_the_next_epoch_once_all_that_came_before_is_read_though_it_is_filled_by_then()
    {
        var known = Learned(SplitHistories.None, InParts(first: 7, [Two]), position: 1);

        var waiting = Learned(known, InParts(first: 9, [Two], emptied: 1), position: 69);
        Assert.Equal(0, waiting.Newest!.Epoch);
        Assert.Equal(known.Find(One)!.Form! with { IsOver = true }, waiting.Find(One)!.Form);
        Assert.Empty(SplitEpochs.Learn(waiting, InParts(first: 9, [Two]), _ => 69, isRead: true));
        var begun = Learned(waiting, InParts(first: 9, [Two]), position: 70);
        Assert.Equal(1, begun.Newest!.Epoch);
        Assert.Empty(SplitEpochs.Learn(begun, InParts(first: 9, [Two]), _ => 70, isRead: true));
    }

    [Fact]
    public void Rows_that_a_definition_changed_begin_the_next_epoch_once_all_that_came_before_is_read()
    {
        var known = Learned(SplitHistories.None, InParts(first: 7, [Two]), position: 1);

        var waiting = Learned(known, InParts(first: 7, [Two], name: "other"), position: 69);
        Assert.Equal(0, waiting.Newest!.Epoch);
        Assert.Equal(1, Learned(waiting, InParts(first: 7, [Two], name: "other"), position: 70).Newest!.Epoch);
    }

    [Fact]
    public void A_table_whose_rows_may_have_gone_between_its_slot_and_its_first_reading_begins_the_next_epoch_once_that_is_read()
    {
        var listed = Uncertain(InParts(first: 7, [Two]), beginning: 69);

        var begun = Learned(SplitHistories.None, listed, position: null);
        Assert.Equal((0, true), (begun.Newest!.Epoch, begun.Find(One)!.Form!.IsOver));
        Assert.Empty(SplitEpochs.Learn(begun, listed, _ => 69, isRead: true));
        var next = Learned(begun, listed, position: 70);
        Assert.Equal((1, false), (next.Newest!.Epoch, next.Find(One)!.Form!.IsOver));
        Assert.Empty(SplitEpochs.Learn(next, listed, _ => 70, isRead: true));
    }

    [Fact]
    public void A_table_that_begins_behind_what_is_uncertain_of_it_has_one_epoch()
    {
        var begun = Learned(SplitHistories.None, Uncertain(InParts(first: 7, [Two]), beginning: 70), position: null);

        Assert.Equal((0, false), (begun.Newest!.Epoch, begun.Find(One)!.Form!.IsOver));
        // It is known by then, and what happens to it is seen.
        Assert.Empty(SplitEpochs.Learn(begun, Uncertain(InParts(first: 7, [Two]), beginning: 69), _ => 69, isRead: true));
    }

    [Fact]
    public void A_table_of_which_it_is_certain_that_the_slot_tells_all_has_one_epoch()
    {
        Split[] listed = [.. InParts(first: 7, [Two]).Select(split => split with { Beginning = 69 })];

        Assert.False(Learned(SplitHistories.None, listed, position: null).Find(One)!.Form!.IsOver);
    }

    [Fact]
    public void A_table_whose_beginning_somebody_else_recorded_is_as_uncertain_until_its_own_workers_know_its_form()
    {
        var listed = Uncertain(InParts(first: 7, [Two]), beginning: 69);
        var recorded = Learned(SplitHistories.None, listed[..1], position: null);
        Assert.Null(recorded.Find(One)!.Form);

        Assert.Equal((0, true), Learned(recorded, listed, position: 69) is var own ? (own.Newest!.Epoch, own.Find(One)!.Form!.IsOver) : default);
        Assert.False(Learned(recorded, listed, position: 70).Find(One)!.Form!.IsOver);
        // A history behind another begins behind the log.
        Assert.False(SplitEpochs.Learn(recorded, [.. listed.Select(split => split with { Identity = "b" })], _ => 69, isRead: true)[One].Form!.IsOver);
    }

    [Fact]
    public void A_history_whose_split_was_never_read_is_as_uncertain_as_the_first()
    {
        var known = Learned(SplitHistories.None, [SplitOf(Other, "b") with { IsSnapshot = true }], position: null);

        var begun = Learned(known, Uncertain(InParts(first: 7, [Two]), beginning: 69), position: null);

        Assert.Equal((1, true), (begun.Find(One)!.Epoch, begun.Find(One)!.Form!.IsOver));
    }

    [Fact]
    public void Another_history_and_a_stretch_that_the_table_was_not_fed_wait_for_nothing()
    {
        var known = Learned(SplitHistories.None, InParts(first: 7, [Two]), position: 1);
        var listed = InParts(first: 9, [Two], emptied: 1, name: "other");

        var leftBehind = SplitEpochs.Learn(known, listed, _ => 69, isRead: true, isLeftBehind: true)[One];
        Assert.Equal((1, false), (leftBehind.Epoch, leftBehind.Form!.IsOver));
        Assert.Equal(1, SplitEpochs.Learn(known, [.. listed.Select(split => split with { Identity = "b" })], _ => 69, isRead: true)[One].Epoch);
    }

    [Fact]
    public void What_is_no_snapshot_of_the_newest_epoch_may_be_listed_no_more()
    {
        var stream = new SplitId("events", "orders@a/2");
        var gone = SplitOf(Other, "a") with { IsSnapshot = true };
        Split[] left = [SplitOf(One, "a"), SplitOf(Two, "a") with { IsSnapshot = true }];
        var first = SplitEpochs.Learn(SplitHistories.None, [.. left, SplitOf(stream, "a"), gone], _ => null, isRead: false);
        var second = SplitEpochs.Learn(Histories(first), left, _ => null, isRead: true);
        Assert.Equal([(One, 1), (Two, 1)], second.Select(pair => (pair.Key, pair.Value.Epoch)));

        // What is gone was of the epoch before; a stream is no part of what a table is.
        var known = first.ToDictionary();
        foreach (var (split, history) in second) known[split] = history;
        Assert.Empty(SplitEpochs.Learn(Histories(known), left, _ => null, isRead: true));
        known.Remove(Other);
        known[stream] = new SplitHistory(1, "a");
        Assert.Empty(SplitEpochs.Learn(Histories(known), left, _ => null, isRead: true));
    }

    [Fact]
    public void A_form_of_an_epoch_before_says_nothing_of_rows_of_the_newest()
    {
        var known = Histories([new(One, new SplitHistory(0, "a") { Form = FormOf("val") }), new(Two, new SplitHistory(1, "a", IsSnapshot: true))]);

        var learned = SplitEpochs.Learn(known, [SplitOf(One, "a") with { Form = FormOf("other") }, SplitOf(Two, "a") with { IsSnapshot = true }], _ => null, isRead: true);

        Assert.Equal([(One, 1, FormOf("other"))], learned.Select(pair => (pair.Key, pair.Value.Epoch, pair.Value.Form)));
    }

    [Fact]
    public void Splits_are_of_another_history_when_one_of_them_says_so_and_the_table_knows_one()
    {
        var known = Known(2, "a/1", One);

        Assert.False(SplitEpochs.IsAnother(SplitHistories.None, [SplitOf(One, "b")]));
        Assert.False(SplitEpochs.IsAnother(known, [SplitOf(One, "a/1/2"), new Split(Two, ["orders"])]));
        Assert.True(SplitEpochs.IsAnother(known, [new Split(Two, ["orders"]), SplitOf(One, "a/2")]));
    }

    [Fact]
    public void Rows_that_a_definition_changed_begin_the_next_epoch_where_a_snapshot_can_say_what_they_are()
    {
        Split[] Listed(string name) => [SplitOf(One, "a") with { Form = FormOf(name) }, SplitOf(Two, "a") with { IsSnapshot = true, Form = FormOf(name) }];
        var known = Histories(SplitEpochs.Learn(SplitHistories.None, Listed("val"), _ => null, isRead: false));

        Assert.Empty(SplitEpochs.Learn(known, Listed("val"), _ => null, isRead: true));
        Assert.Equal((FormOf("val"), null), (known.Find(One)!.Form, known.Find(Two)!.Form));
        Assert.Equal([(One, 1, FormOf("other")), (Two, 1, null)], SplitEpochs.Learn(known, Listed("other"), _ => null, isRead: true).Select(pair => (pair.Key, pair.Value.Epoch, pair.Value.Form)));
        // Who lists a split for another table does not decide about this one.
        Assert.Empty(SplitEpochs.Learn(known, Listed("other")[..1], _ => null, isRead: true));
    }

    [Fact]
    public void A_form_that_nothing_was_known_of_is_learned_in_the_same_epoch()
    {
        var known = Histories(SplitEpochs.Learn(SplitHistories.None, [SplitOf(One, "a")], _ => null, isRead: false));

        var learned = SplitEpochs.Learn(known, [SplitOf(One, "a") with { Form = FormOf("val") }, SplitOf(Two, "a") with { IsSnapshot = true }], _ => null, isRead: true);

        Assert.Equal((0, FormOf("val")), (learned[One].Epoch, learned[One].Form));
    }

    [Fact]
    public void A_table_that_was_left_behind_begins_the_next_epoch_of_the_same_history()
    {
        Split[] listed = [SplitOf(One, "a"), SplitOf(Two, "a") with { IsSnapshot = true }];
        var known = Histories(SplitEpochs.Learn(SplitHistories.None, listed, _ => null, isRead: false));

        Assert.Equal([(One, 1, "a"), (Two, 1, "a")], SplitEpochs.Learn(known, listed, _ => null, isRead: true, isLeftBehind: true).Select(pair => (pair.Key, pair.Value.Epoch, pair.Value.Identity)));
    }

    [Fact]
    public void A_table_of_a_release_that_remembered_nothing_is_adopted_with_its_positions() =>
        Assert.Equal(Of(0, "a", One, Two), Learn(SplitHistories.None, "a", [One, Two], position: split => split == One ? 1 : null, isRead: true));

    [Fact]
    public void A_table_that_was_read_by_a_release_that_remembered_nothing_is_at_epoch_1_with_other_splits() =>
        Assert.Equal(Of(1, "b", Other), Learn(SplitHistories.None, "b", [Other], position: _ => null, isRead: true));

    [Fact]
    public void Splits_that_say_nothing_of_a_history_are_not_remembered() =>
        Assert.Empty(SplitEpochs.Learn(SplitHistories.None, [new Split(One, ["orders"])], _ => null, isRead: false));

    [Fact]
    public void Splits_of_two_histories_are_a_defect_of_their_source() =>
        Assert.Throws<ArgumentException>(() => SplitEpochs.Learn(SplitHistories.None, [SplitOf(One, "a"), SplitOf(Two, "b")], _ => null, isRead: false));

    [Fact]
    public void Dead_letters_begin_at_epoch_0_and_go_on_with_each_epoch_of_the_table_that_is_read()
    {
        var first = SplitEpochs.Follow(SplitHistories.None, Known(5, "a", One), [SplitOf(One, "a")]);
        var again = SplitEpochs.Follow(Histories(first), Known(5, "a", One), [SplitOf(One, "a")]);
        var next = SplitEpochs.Follow(Histories(first), Known(6, "a", One), [SplitOf(One, "a")]);

        Assert.Equal(new SplitHistory(0, "a#5"), Assert.Single(first).Value);
        Assert.Empty(again);
        Assert.Equal(new SplitHistory(1, "a#6"), Assert.Single(next).Value);
    }

    private static IReadOnlyDictionary<SplitId, SplitHistory> Learn(SplitHistories known, string identity, params SplitId[] splits) =>
        Learn(known, identity, splits, position: _ => null, isRead: false);

    private static IReadOnlyDictionary<SplitId, SplitHistory> Learn(SplitHistories known, string identity, SplitId[] splits, Func<SplitId, long?> position, bool isRead) =>
        SplitEpochs.Learn(known, [.. splits.Select(split => SplitOf(split, identity))], position, isRead);

    /// <summary>A table of two parts, listed when the source's log ended at 70.</summary>
    private static Split[] InParts(long first, SplitId[] snapshots, uint? emptied = null, string name = "val")
    {
        var form = FormOf(name) with { Parts = ImmutableSortedDictionary<uint, long>.Empty.Add(1, first).Add(2, 8), Emptied = emptied is { } part ? [part] : [] };
        return [SplitOf(One, "a") with { Form = form, BeginningAnew = 70 }, .. snapshots.Select(snapshot => SplitOf(snapshot, "a") with { IsSnapshot = true })];
    }

    private static Split[] Uncertain(Split[] listed, long beginning) => [.. listed.Select(split => split.IsSnapshot ? split : split with { Beginning = beginning, Form = split.Form! with { IsUncertain = true } })];

    /// <summary>What a table knows then.</summary>
    private static SplitHistories Learned(SplitHistories known, Split[] listed, long? position)
    {
        var histories = known.BySplit.ToDictionary();
        foreach (var (split, history) in SplitEpochs.Learn(known, listed, _ => position, isRead: position is not null)) histories[split] = history;
        return Histories(histories);
    }

    private static Split SplitOf(SplitId id, string identity) => new(id, ["orders"]) { Identity = identity };

    private static SplitForm FormOf(string name) => new("7", ImmutableSortedDictionary<int, FormColumn>.Empty.Add(1, new FormColumn(name, "25")), Last: 1);

    private static Dictionary<SplitId, SplitHistory> Of(int epoch, string identity, params SplitId[] splits) => splits.ToDictionary(split => split, _ => new SplitHistory(epoch, identity));

    private static SplitHistories Known(int epoch, string identity, params SplitId[] splits) => Histories(Of(epoch, identity, splits));

    private static SplitHistories Histories(IEnumerable<KeyValuePair<SplitId, SplitHistory>> known) =>
        SplitHistories.Of(known.ToDictionary(pair => SplitHistory.KeyOf(pair.Key), pair => pair.Value.Write(), StringComparer.Ordinal));
}
