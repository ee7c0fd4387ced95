using Pipeline.Core.Buffers;

namespace Pipeline.Core.Tests.Buffers;

public sealed class ByteBudgetSpec
{
    private readonly ByteBudget _budget = new(100);

    [Fact]
    public void Gives_what_there_is_and_lets_the_rest_wait()
    {
        using var share = _budget.OpenShare();

        var (first, second, third) = (share.AcquireAsync(60), share.AcquireAsync(40), share.AcquireAsync(1));

        Assert.Equal((true, true, false), (first.IsCompletedSuccessfully, second.IsCompletedSuccessfully, third.IsCompleted));
        Assert.Equal(100, _budget.BytesUsed);
        share.Release(1);
        Assert.True(third.IsCompletedSuccessfully);
        Assert.Equal(100, _budget.BytesUsed);
    }

    [Fact]
    public void What_is_larger_than_all_passes_alone()
    {
        using var share = _budget.OpenShare();

        Assert.True(share.AcquireAsync(500).IsCompletedSuccessfully);
        var small = share.AcquireAsync(1);
        Assert.False(small.IsCompleted);
        share.Release(500);
        var large = share.AcquireAsync(500);

        Assert.True(small.IsCompletedSuccessfully);
        Assert.False(large.IsCompleted);
        share.Release(1);
        Assert.True(large.IsCompletedSuccessfully);
    }

    [Fact]
    public void Nobody_overtakes_one_who_waits_for_much()
    {
        using var share = _budget.OpenShare();
        _ = share.AcquireAsync(50);

        var (much, little) = (share.AcquireAsync(80), share.AcquireAsync(10));

        Assert.Equal((false, false), (much.IsCompleted, little.IsCompleted));
        share.Release(50);
        Assert.Equal((true, true), (much.IsCompletedSuccessfully, little.IsCompletedSuccessfully));
    }

    [Fact]
    public void A_share_that_is_closed_gives_back_what_it_holds_and_waits_for_nothing()
    {
        using var other = _budget.OpenShare();
        var share = _budget.OpenShare();
        _ = share.AcquireAsync(70);
        _ = other.AcquireAsync(30);
        var (waiting, behind, last) = (share.AcquireAsync(80), other.AcquireAsync(60), other.AcquireAsync(60));

        share.Dispose();

        Assert.True(waiting.IsCanceled);
        Assert.Equal((true, false), (behind.IsCompletedSuccessfully, last.IsCompleted));
        share.Release(70);
        Assert.Equal((90, false), (_budget.BytesUsed, last.IsCompleted));
    }

    [Fact]
    public void A_share_gives_back_no_more_than_it_holds()
    {
        using var share = _budget.OpenShare();
        using var other = _budget.OpenShare();
        _ = share.AcquireAsync(10);
        _ = other.AcquireAsync(20);

        share.Release(25);
        share.Release(25);

        Assert.Equal(20, _budget.BytesUsed);
        Assert.Equal(100, _budget.BytesMax);
    }
}
