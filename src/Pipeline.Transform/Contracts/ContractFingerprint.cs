using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Transform.Contracts;

/// <summary>Numbers that change when a contract says something else.</summary>
public static class ContractFingerprint
{
    /// <summary>Raised when a release judges rows otherwise by the same contract.</summary>
    private const int Generation = 2;

    /// <summary>
    /// Of all that says which rows are good: columns, their types and sources, rules, references. A row of the quarantine that was judged by
    /// another is judged again.
    /// </summary>
    /// <param name="redrives">How often somebody has asked for all rows to be judged again.</param>
    /// <returns>Not negative.</returns>
    public static long OfJudging(SilverContract contract, long redrives)
    {
        var parts = new List<string> { $"{Generation}", $"{redrives}", contract.From.ToString(), contract.Format.ToString(), string.Join(',', contract.Key), string.Join(',', contract.OrderBy) };
        foreach (var column in contract.Columns)
        {
            parts.AddRange([column.Name, ColumnType.Format(column.Type), column.IsRequired.ToString(), $"{column.Mask}{column.MaskVersion}"]);
            parts.AddRange(column.ValueText is { } value ? [value] : [column.From ?? "", column.Path ?? ""]);
        }

        foreach (var rule in contract.Rules) parts.AddRange([rule.Name, rule.Check, rule.Severity.ToString()]);
        foreach (var reference in contract.References) parts.AddRange([reference.Name, reference.Column, reference.Table.ToString(), reference.To, reference.Severity.ToString()]);
        return BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', parts)))) & long.MaxValue;
    }
}
