using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Reading;

namespace Pipeline.Sources.Snowflake;

/// <summary>Looks at everything that reading needs and tells what puts it right.</summary>
internal sealed class SnowflakeSourceCheck(SnowflakeSourceOptions options, SnowflakeClient client, IEnumerable<WatermarkTable> tables)
{
    private readonly List<Finding> _findings = [];

    public async ValueTask<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        if (!await TryAsync(options.Thing, () => CheckAccountAsync(cancellationToken))) return _findings;
        foreach (var table in tables) await TryAsync(table.Thing, () => CheckTableAsync(table, cancellationToken));
        return _findings;
    }

    private async Task<Finding> CheckAccountAsync(CancellationToken cancellationToken)
    {
        await client.QueryAsync(options.Thing, "SELECT CURRENT_TIMESTAMP()", cancellationToken);
        return new Finding(options.Thing, Ok: true, $"signed in as role {options.Role}");
    }

    private async Task<Finding> CheckTableAsync(WatermarkTable table, CancellationToken cancellationToken)
    {
        var shape = await table.DescribeAsync(cancellationToken);
        var watermark = shape.Columns[shape.Watermark];
        var bound = await table.TryAsync(shape, cancellationToken);
        if (bound.Beyond is { } beyond)
            return new Finding(table.Thing, Ok: false, shape.IsTimestamp ? $"a row's {watermark.Name} is {beyond}, ahead of the account's clock: it and all between wait"
                : $"a row's {watermark.Name} is {beyond}, more than 64 bits hold: it is not read", $"Correct it, or choose another watermark column than {watermark.Name}; TIMESTAMP_NTZ is read by the clock in UTC.");
        var creation = await table.CreationAsync(cancellationToken);
        var without = watermark.IsNullable ? await table.CountWithoutWatermarkAsync(cancellationToken) : 0;
        return without == 0
            ? new Finding(table.Thing, Ok: true, $"{Plural.Of(shape.Columns.Count, "column")}, watermark {watermark.Name} ({watermark.Type}){Unordered(shape)}{Unknown(shape, creation)}")
            : new Finding(table.Thing, Ok: false, $"{Plural.Of(without, "row", "has", "have")} no value in the watermark column {watermark.Name} and are never read",
                $"Fill the column and make it NOT NULL: UPDATE ... SET \"{watermark.Name}\" = CURRENT_TIMESTAMP() WHERE \"{watermark.Name}\" IS NULL.");
    }

    /// <summary>What reading will not notice.</summary>
    private static string Unknown(TableShape shape, TableCreation creation)
    {
        var anew = creation.CreatedAt is not null ? "" : creation.Kind is { } kind ? $"; it is a {kind.ToLowerInvariant()}: that other rows have its name is not noticed" : "; SHOW OBJECTS does not list it: that another table has its name is not noticed";
        return shape.IsTimestamp ? $"{anew}; rows that are filled in with a {shape.Columns[shape.Watermark].Name} of before what was read are not noticed" : anew;
    }

    /// <summary>Where changes cannot be put in an order by what the column holds.</summary>
    private string Unordered(TableShape shape)
    {
        if (!shape.IsTimestamp) return "; Snowflake does not keep it unique: fill it from a sequence, a change that takes a number which has been read is passed over, and of two with one number neither is the newer";
        var step = Moments.StepOf(shape.Columns[shape.Watermark].Scale);
        return step > options.CommitLag && step > TimeSpan.FromMicroseconds(1)
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"; it holds steps of {step.TotalMilliseconds:0.###} ms: what changes within one after a part of it was read is passed over, set commit-lag to at least as much") : "";
    }

    /// <returns>Whether all is well.</returns>
    private async Task<bool> TryAsync(string thing, Func<Task<Finding>> look)
    {
        try
        {
            _findings.Add(await look());
        }
        catch (PipelineException e)
        {
            _findings.Add(Finding.Failed(thing, e));
        }

        return _findings[^1].Ok;
    }
}
