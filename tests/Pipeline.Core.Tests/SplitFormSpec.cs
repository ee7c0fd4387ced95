using System.Collections.Immutable;

namespace Pipeline.Core.Tests;

public sealed class SplitFormSpec
{
    private static readonly SplitForm Known = Form("7", last: 5, (1, "id", "20"), (2, "val", "25"), (4, "n", "1700:655366"));

    [Fact]
    public void The_same_form_has_the_same_rows_and_is_equal()
    {
        var same = Form("7", last: 5, (4, "n", "1700:655366"), (2, "val", "25"), (1, "id", "20")) with { Filled = [1] };

        Assert.False(same.HasOtherRows(Known));
        Assert.Equal((Known, Known.GetHashCode()), (same, same.GetHashCode()));
        Assert.NotEqual(Known, Known with { Storage = "8" });
    }

    [Theory]
    [InlineData("7", "val", "1043", false)]
    [InlineData("8", "val", "25", false)]
    [InlineData("8", "val", "1043", true)]
    [InlineData("7", "other", "25", true)]
    public void Rows_are_others_under_another_name_or_when_they_were_written_anew_for_another_type(string storage, string name, string type, bool isOther) =>
        Assert.Equal(isOther, Form(storage, last: 5, (1, "id", "20"), (2, name, type), (4, "n", "1700:655366")).HasOtherRows(Known));

    [Theory]
    [InlineData(6, false, false)]
    [InlineData(6, true, true)]
    [InlineData(5, false, true)]
    [InlineData(3, false, true)]
    public void Rows_have_a_new_column_when_it_came_with_values_or_was_there_before(int number, bool isFilled, bool isOther) =>
        Assert.Equal(isOther, (Known with { Last = 6, Columns = Known.Columns.Add(number, new FormColumn("c", "20")), Filled = isFilled ? [number] : [] }).HasOtherRows(Known));

    [Fact]
    public void A_column_that_is_gone_changes_no_other() => Assert.False((Known with { Columns = Known.Columns.Remove(2) }).HasOtherRows(Known));

    [Theory]
    [InlineData(71, true, true)]
    [InlineData(70, true, false)]
    // Written anew with all its rows.
    [InlineData(71, false, false)]
    public void Rows_are_gone_with_a_part_that_was_emptied_by_itself(long file, bool isEmptied, bool isOther)
    {
        var known = Known with { Parts = Parts((7, 70), (8, 80)) };
        var now = Known with { Parts = Parts((7, file), (8, 80), (9, 90)), Emptied = isEmptied ? [7, 9] : [9] };

        Assert.Equal(isOther, now.HasOtherRows(known));
        Assert.False(now.HasOtherRows(Known));
        Assert.False(Known.HasOtherRows(known));
    }

    [Fact]
    public void Parts_are_kept_and_tell_forms_apart()
    {
        var form = Known with { Parts = Parts((7, 70), (8, 80)) };

        Assert.Contains("\"last\":5,\"parts\":{\"7\":70,\"8\":80}", new SplitHistory(0, "a") { Form = form }.Write(), StringComparison.Ordinal);
        Assert.Equal(form, SplitHistory.Read("key", new SplitHistory(0, "a") { Form = form }.Write()).Form);
        Assert.NotEqual(form, Known);
        Assert.NotEqual(Known, form);
        Assert.NotEqual(form, form with { Parts = Parts((7, 71), (8, 80)) });
    }

    private static ImmutableSortedDictionary<uint, long> Parts(params (uint Part, long File)[] parts) => parts.ToImmutableSortedDictionary(part => part.Part, part => part.File);

    [Fact]
    public void A_history_keeps_the_form()
    {
        var written = new SplitHistory(1, "a") { Form = Form("7", last: 2, (1, "id", "20")) }.Write();

        Assert.Equal("""{"epoch":1,"identity":"a","form":{"storage":"7","columns":{"1":{"name":"id","type":"20"}},"last":2}}""", written);
        Assert.Equal(Form("7", last: 2, (1, "id", "20")), SplitHistory.Read("key", written).Form);
    }

    private static SplitForm Form(string storage, int last, params (int Number, string Name, string Type)[] columns) =>
        new(storage, columns.ToImmutableSortedDictionary(column => column.Number, column => new FormColumn(column.Name, column.Type)), last);
}
