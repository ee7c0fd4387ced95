using Microsoft.Extensions.Time.Testing;

namespace Pipeline.Core.Tests;

public sealed class SplitLooksSpec
{
    private static readonly SplitId Split = new("app", "orders");

    private readonly FakeTimeProvider _time = new();
    private readonly SplitLooks _looks = new();

    [Fact]
    public void A_doubt_is_told_once_whichever_readings_begin_while_it_lasts()
    {
        Assert.Equal("first", Look("first"));
        _looks.Forget(Split);
        _time.Advance(SplitLooks.DoubtEvery);

        Assert.Null(Look("first"));
        Assert.Equal("first", _looks.DoubtOf(Split)!.Cause);
    }

    [Fact]
    public void Doubts_that_come_and_go_are_told_once_an_hour_and_the_last_of_them_though_it_be_over()
    {
        var told = new List<string?>();
        for (var minute = 0; minute < 120; minute++)
        {
            // A row is put in, and deleted half a minute later.
            told.Add(Look(null));
            told.Add(Look($"{minute}"));
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(["0", "59"], told.OfType<string>());
        Assert.Equal("119", Look(null));
        Assert.Null(_looks.DoubtOf(Split));
        Assert.Null(Look(null));
    }

    [Fact]
    public void A_doubt_that_begins_long_after_the_last_is_told_at_once()
    {
        Assert.Equal("first", Look("first"));
        Assert.Null(Look(null));
        _time.Advance(SplitLooks.DoubtEvery);

        Assert.Equal("second", Look("second"));
    }

    [Fact]
    public void Splits_have_doubts_of_their_own()
    {
        Assert.Equal("first", Look("first"));

        Assert.NotNull(_looks.Doubt(new SplitId("app", "lines"), Doubt("other"), _time));
    }

    private string? Look(string? cause) => _looks.Doubt(Split, cause is null ? null : Doubt(cause), _time)?.Cause;

    private static PipelineException Doubt(string cause) => new(FaultKind.Gap, "Source app", cause, "Look.");
}
