namespace Pipeline.Operations.Options;

/// <summary>What somebody may do with a running node; each may what those before it may.</summary>
public enum AccessRole
{
    /// <summary>Sees how everything is.</summary>
    Viewer,

    /// <summary>Changes what can be changed back: pauses, resumes, starts.</summary>
    Operator,

    /// <summary>Changes what cannot: gives records up, makes tables anew.</summary>
    Admin,
}
