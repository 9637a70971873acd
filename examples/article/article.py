"""The steps of "Train models with automated machine learning in the cloud", with v1's names.

Run it as it is::

    raysmith run examples/article/article.py --v1

or rewrite its imports first with ``raysmith migrate examples/article/article.py --write``. The
machines of the cluster are processes on this machine: the provider ``local`` is the default.
"""

import logging
import os
import time

from azureml.core.workspace import Workspace
from sklearn import datasets

ws = Workspace.from_config()

# Create resource
from azureml.core.compute import AmlCompute
from azureml.core.compute import ComputeTarget

amlcompute_cluster_name = "automlcl"  # Name your cluster
provisioning_config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2",
                                                            # for GPU, use "STANDARD_NC6"
                                                            #vm_priority = 'lowpriority', # optional
                                                            max_nodes=6)

compute_target = ComputeTarget.create(ws, amlcompute_cluster_name, provisioning_config)

# Can poll for a minimum number of nodes and for a specific timeout.
# If no min_node_count is provided, it will use the scale settings for the cluster.
compute_target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)

# Access data using get_data() function
project_folder = "./project"
# Create a project_folder if it doesn't exist
if not os.path.exists(project_folder):
    os.makedirs(project_folder)

# Write the get_data file. In a notebook: %%writefile $project_folder/get_data.py
GET_DATA = '''
from sklearn import datasets
from scipy import sparse
import numpy as np

def get_data():

    digits = datasets.load_digits()
    X_digits = digits.data[10:,:]
    y_digits = digits.target[10:]

    return { "X" : X_digits, "y" : y_digits }
'''
with open(project_folder + "/get_data.py", "w") as script:
    script.write(GET_DATA)

# Create run configuration
from azureml.core.runconfig import RunConfiguration
from azureml.core.conda_dependencies import CondaDependencies

run_config = RunConfiguration(framework="python")
run_config.target = compute_target
run_config.environment.docker.enabled = True
run_config.environment.docker.base_image = azureml.core.runconfig.DEFAULT_CPU_IMAGE

dependencies = CondaDependencies.create(pip_packages=["scikit-learn", "scipy", "numpy"])
run_config.environment.python.conda_dependencies = dependencies

# Configure experiment
from azureml.train.automl import AutoMLConfig

automl_settings = {
    "name": "AutoML_Demo_Experiment_{0}".format(time.time()),
    "iteration_timeout_minutes": 10,
    "iterations": 20,
    "n_cross_validations": 5,
    "primary_metric": 'AUC_weighted',
    "preprocess": False,
    "max_concurrent_iterations": 10,
    "verbosity": logging.INFO
}

# Enable model explanations: the ten rows that get_data() leaves out
X_test = datasets.load_digits().data[:10, :]
automl_config = AutoMLConfig(task='classification',
                             debug_log='automl_errors.log',
                             path=project_folder,
                             compute_target=compute_target,
                             run_configuration=run_config,
                             data_script=project_folder + "/get_data.py",
                             **automl_settings,
                             model_explainability=True,
                             X_valid=X_test
                             )

# Submit training experiment
from azureml.core.experiment import Experiment
experiment = Experiment(ws, 'automl_remote')
remote_run = experiment.submit(automl_config, show_output=True)

# Explore results
from azureml.widgets import RunDetails
RunDetails(remote_run).show()

# Best model explanation
best_run, fitted_model = remote_run.get_output()

from azureml.train.automl.automlexplainer import retrieve_model_explanation

shap_values, expected_values, overall_summary, overall_imp, per_class_summary, per_class_imp = \
    retrieve_model_explanation(best_run)

print(overall_summary)
print(overall_imp)
print(per_class_summary)
print(per_class_imp)

# The nodes are released after 120 seconds without work. This releases the cluster itself.
compute_target.delete()
