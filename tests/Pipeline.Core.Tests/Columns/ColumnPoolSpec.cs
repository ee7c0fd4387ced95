using CsCheck;
using Pipeline.Core.Columns;

namespace Pipeline.Core.Tests.Columns;

public sealed class ColumnPoolSpec
{
    [Fact]
    public void What_was_given_back_is_rented_again()
    {
        var pool = new ColumnPool(bytesMax: 1 << 20);
        var buffer = pool.Rent(5_000);

        pool.Return(buffer);

        Assert.Same(buffer, pool.Rent(8_000));
        Assert.NotSame(buffer, pool.Rent(8_000));
    }

    [Fact]
    public void A_size_that_nobody_rents_any_more_gives_way()
    {
        var pool = new ColumnPool(bytesMax: 4_096);
        foreach (var old in Rented(pool, 4, 1_024)) pool.Return(old);

        var wanted = pool.Rent(2_048);
        pool.Return(wanted);

        Assert.Same(wanted, pool.Rent(2_048));
        Assert.InRange(pool.Bytes, 1_024, 2_048);
    }

    [Fact]
    public void What_is_larger_than_the_limit_is_not_kept()
    {
        var pool = new ColumnPool(bytesMax: 4_096);

        pool.Return(pool.Rent(5_000));

        Assert.Equal(0, pool.Bytes);
    }

    [Fact]
    public void Whatever_is_rented_and_given_back_no_more_than_the_limit_is_kept_and_nothing_is_given_twice() =>
        Gen.Int[0, 40_000].Array[1, 200].Sample(sizes =>
        {
            const long bytesMax = 100_000;
            var pool = new ColumnPool(bytesMax);
            var lent = new List<byte[]>();
            foreach (var size in sizes)
            {
                if (size % 3 == 0 && lent.Count > 0)
                {
                    pool.Return(lent[size % lent.Count]);
                    lent.RemoveAt(size % lent.Count);
                }
                else
                {
                    lent.Add(pool.Rent(size));
                    Assert.True(lent[^1].Length >= size);
                }

                Assert.InRange(pool.Bytes, 0, bytesMax);
                Assert.Equal(lent.Count, lent.Distinct().Count());
            }
        }, iter: 200);

    private static List<byte[]> Rented(ColumnPool pool, int count, int bytes) => [.. Enumerable.Range(0, count).Select(_ => pool.Rent(bytes))];
}
