"""Why a model predicts what it does: SHAP values of raw columns."""
