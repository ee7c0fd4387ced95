namespace Pipeline.Transform.Contracts;

/// <summary>What becomes of members of JSON records that no column of a contract reads.</summary>
public enum FieldsPolicy
{
    /// <summary>Each is told once, and stands in the plan with the line that would take it.</summary>
    Tell,

    /// <summary>Each becomes a column that may be null: <see cref="Silver.AddedColumns"/>.</summary>
    Add,

    /// <summary>Nobody looks for them.</summary>
    Ignore,
}
